"""How Schemathesis sends types that it does not know: as the texts that they are."""

import schemathesis


@schemathesis.serializer("application/x-ndjson", "application/hujson")
def text(ctx, value):
    if isinstance(value, bytes):
        return value
    return (value if isinstance(value, str) else str(value)).encode("utf-8", "surrogatepass")
