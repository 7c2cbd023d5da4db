"""How many tokens a text has for a model behind a server.

Does not know the tokenizers of embedding models: those are in `tokenizer`.
"""

_BYTES_PER_TOKEN = 3


def approximate_tokens(text: str) -> int:
    """Tokens that a generator makes of a text: one for three bytes of UTF-8, rounded up.

    For where no tokenizer can be asked. English has four bytes to a token and more, Chinese and
    Japanese about three: this errs towards too many.
    """
    return -(-len(text.encode("utf-8", "replace")) // _BYTES_PER_TOKEN)
