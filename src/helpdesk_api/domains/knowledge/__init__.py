"""Articles that answer before a ticket is needed: versions, approval, translations, and what readers made of them."""
