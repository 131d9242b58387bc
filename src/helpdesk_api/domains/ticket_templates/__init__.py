"""What a ticket begins with: prefilled fields for what is asked for again and again."""
