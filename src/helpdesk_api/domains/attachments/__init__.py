"""Files: taken as streams, judged by their content, kept apart until clean, and shown with what they belong to."""
