"""What Python's jinja2, set up as transformers sets it up, makes of a template. The clock stands at NOW."""
import datetime
from transformers.utils import chat_template_utils

NOW = datetime.datetime(2026, 3, 4, 5, 6, 7, 89000)


class Stopped(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return NOW


chat_template_utils.datetime = Stopped


def render(template, variables):
    """Returns {"want": text} or {"error": what Python says}."""
    try:
        text = chat_template_utils._cached_compile_jinja_template(template).render(**variables)
        text.encode()
        return {"want": text}
    except Exception as e:
        return {"error": f"{type(e).__name__}: {e}"[:100]}
