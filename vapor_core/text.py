"""Which words a number is said in: money, time, counts, rates, and text from outside made harmless.

Pure strings, no Streamlit, so that notebooks say the same words as screens. A number that is missing or not
finite is a dash.
"""

import math
import re
from datetime import UTC, datetime

from vapor_core.contracts.workspace import Job

MISSING = "–"

_MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+!|~$&^=.-])")
# Streamlit makes icons, emoji and links of these even where their signs are escaped: a word joiner parts them.
_REPLACED = re.compile(r"(:(?=[\w/+-])|//|@|(?i:www)(?=\.))")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]+")


def money(usd: float | None) -> str:
    """US dollars: cents below 1,000, none above, millions as "$1.23M"."""
    if usd is None or not math.isfinite(usd):
        return MISSING
    if usd < 0:
        return f"-{money(-usd)}"
    if 0 < usd < 0.01:
        return "< $0.01"
    if usd < 999.995:
        return f"${usd:.2f}"
    if usd < 999_999.5:
        return f"${usd:,.0f}"
    return f"${count(usd)}"


def duration(seconds: float | None) -> str:
    """A span in its two largest units: "45 s", "12 min", "2 h 15 min", "3 d 4 h"."""
    if seconds is None or not math.isfinite(seconds):
        return MISSING
    if seconds < 0:
        return f"-{duration(-seconds)}"
    if seconds < 59.5:
        return f"{seconds * 1000:.0f} ms" if 0 < seconds < 0.9995 else f"{seconds:.0f} s"
    minutes, hours = round(seconds / 60), round(seconds / 3600)
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 24 * 60:
        return _two_units(minutes, 60, "h", "min")
    return _two_units(hours, 24, "d", "h") if hours < 24 * 365 else f"{count(hours / 8766)} years"


def _two_units(n: int, size: int, larger: str, smaller: str) -> str:
    whole_units, rest = divmod(n, size)
    return f"{whole_units} {larger} {rest} {smaller}" if rest else f"{whole_units} {larger}"


def clock(seconds: float) -> str:
    """The simulated time of a workspace: "day 1, 02:13:05"."""
    days, rest = divmod(int(max(seconds, 0.0)), 86_400)
    return f"day {days + 1}, {rest // 3600:02d}:{rest % 3600 // 60:02d}:{rest % 60:02d}"


def day_and_time(seconds: float) -> str:
    """When something real happened: "26 Nov, 06:58:12" of this machine's time.

    Args:
        seconds: since 1970.
    """
    return datetime.fromtimestamp(seconds, UTC).astimezone().strftime("%d %b, %H:%M:%S")


def ago(seconds: float | None) -> str:
    """How long since: "just now", "12 min ago"."""
    if seconds is None or not math.isfinite(seconds):
        return MISSING
    return "just now" if seconds < 5 else f"{duration(seconds)} ago"


def count(n: float | None) -> str:
    """Three significant digits with a letter: "950", "12.3k", "1.2M", "3.4B", "2T"."""
    if n is None or not math.isfinite(n):
        return MISSING
    if n < 0:
        return f"-{count(-n)}"
    for unit, letter in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")):
        if n >= unit * 0.9995:
            return _three_digits(n / unit) + letter
    return _three_digits(n)


def _three_digits(x: float) -> str:
    if x == 0:
        return "0"
    decimals = min(max(2 - math.floor(math.log10(x) + 1e-12), 0), 3)
    shown = f"{x:,.{decimals}f}"
    return shown.rstrip("0").rstrip(".") if "." in shown else shown


def whole(n: float | None) -> str:
    """A whole number in full: "12,345"."""
    return MISSING if n is None or not math.isfinite(n) else f"{n:,.0f}"


def gigabytes(gb: float | None) -> str:
    """Memory: "350 MB", "9.8 GB", "1.2 TB". A GB is 1e9 bytes."""
    if gb is None or not math.isfinite(gb):
        return MISSING
    if gb < 0.9995:
        return f"{gb * 1000:.0f} MB"
    return f"{gb:.1f} GB" if gb < 999.95 else f"{gb / 1000:.1f} TB"


def percent(fraction: float | None) -> str:
    """A fraction of one as "45 %"; one decimal below ten."""
    if fraction is None or not math.isfinite(fraction):
        return MISSING
    shown = fraction * 100
    return f"{shown:.1f} %" if 0 < abs(shown) < 9.95 else f"{shown:.0f} %"


def loss(nats: float | None) -> str:
    """A loss in nats a token, three decimals."""
    return MISSING if nats is None or not math.isfinite(nats) else f"{nats:.3f}"


def learning_rate(rate: float | None) -> str:
    """A learning rate as people write it: "2e-4"."""
    if rate is None or not math.isfinite(rate):
        return MISSING
    if rate == 0:
        return "0"
    mantissa, exponent = f"{rate:.2e}".split("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"


def rate(per_second: float | None, unit: str = "tokens") -> str:
    """Something a second: "12.3k tokens/s"."""
    return MISSING if per_second is None or not math.isfinite(per_second) else f"{count(per_second)} {unit}/s"


def milliseconds(ms: float | None) -> str:
    """A latency: "8.4 ms", "340 ms", "1.2 s"."""
    if ms is None or not math.isfinite(ms):
        return MISSING
    if ms < 9.95:
        return f"{ms:.1f} ms"
    return f"{ms:.0f} ms" if ms < 999.5 else f"{ms / 1000:.1f} s"


def eta(job: Job) -> str:
    """How far a job is: "45 % · 2 h 15 min left"; without the time until it means something."""
    done = f"{math.floor(job.progress * 100 + 1e-9)} %"
    if job.status == "queued":
        return "waiting for an accelerator"
    if job.status == "initializing":
        return "loading model and data"
    if job.live and job.eta_s is not None:
        return f"{done} · {duration(job.eta_s)} left"
    if job.live:
        return done
    return f"{done} · {job.status}"


def on_primary(label: str, *, enabled: bool = True) -> str:
    """A primary button's label as Markdown, in the theme's colour for what lies on the primary colour.

    Streamlit draws such labels white on any primary colour, which is too faint on the light blue of the dark theme. A
    button that is not enabled has no such ground.
    """
    return f":violet[{label}]" if enabled else label


def plain(text: object, limit: int = 300) -> str:
    """Text from outside as Streamlit's Markdown shows it letter by letter.

    No markup, HTML, LaTeX, icon, emoji code or link survives; line breaks and control characters become
    blanks; more than `limit` characters are cut.
    """
    line = _CONTROL.sub(" ", str(text)).strip()
    line = line if len(line) <= limit else line[: limit - 1].rstrip() + "…"
    return _MARKDOWN.sub(r"\\\1", _REPLACED.sub("\\1\u2060", line))
