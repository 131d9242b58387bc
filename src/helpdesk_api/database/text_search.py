"""How PostgreSQL writes the words of full text."""


def quoted(lexeme: str) -> str:
    """As it stands in the text of a tsvector or a tsquery."""
    return "'" + lexeme.replace("\\", "\\\\").replace("'", "''") + "'"
