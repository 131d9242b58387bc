"""Between tickets and articles: drafting an article from a resolution, and which article served which ticket."""
