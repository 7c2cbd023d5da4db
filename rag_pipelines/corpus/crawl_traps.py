"""URLs that a site makes up without end: told apart before they are fetched.

Knows the shape of a URL alone. Traps that only show in what a page says (a soft 404) are found
by the crawl, which does not follow the links of a page that repeats another.
"""

import re
from collections import Counter

from rag_pipelines.corpus.markup import words
from rag_pipelines.corpus.urls import path_of

MAX_URL_LENGTH = 2_000
MAX_SEGMENTS = 40
MAX_VARIANTS = 200
"""Queries of one path, or dates under one path, that are followed in one crawl."""

_REPEATED = re.compile(r"(/[^/]+(?:/[^/]+){0,3})\1{3,}(?=/|$)")
_DATE = re.compile(
    r"/(?:19|20|21)\d\d(?:[/-](?:0?[1-9]|1[0-2])(?:[/-](?:0?[1-9]|[12]\d|3[01]))?)?/?$"
)
_NEVER_PAGES = words(
    "7z aac apk avi avif bin bmp bz2 css csv deb dmg doc docx eot exe flac gif gz ico iso "
    "jar jpeg jpg js json m4a m4v map mjs mkv mov mp3 mp4 mpeg mpg msi odp ods odt ogg "
    "ogv otf png ppt pptx rar rpm rss svg swf tar tgz tif tiff ttf wav webm webp whl wmv "
    "woff woff2 xls xlsx xz zip zst"
)


def looks_like_a_file(url: str) -> bool:
    """Whether the path's ending is that of a file no page is ever served as."""
    name = path_of(url).rpartition("/")[2]
    return name.rpartition(".")[2].lower() in _NEVER_PAGES if "." in name else False


class Traps:
    """Counts what one crawl has seen, so it must be asked once about every URL."""

    def __init__(self) -> None:
        self._variants: Counter[str] = Counter()

    def found(self, url: str) -> str:
        """Why the URL is not followed, or nothing."""
        if len(url) > MAX_URL_LENGTH:
            return f"longer than {MAX_URL_LENGTH} characters"
        path = path_of(url)
        if path.count("/") > MAX_SEGMENTS:
            return f"more than {MAX_SEGMENTS} path segments"
        if _REPEATED.search(path):
            return "path segments repeat"
        return self._many_variants(url, path)

    def _many_variants(self, url: str, path: str) -> str:
        date = _DATE.search(path)
        if "?" not in url and date is None:
            return ""
        key = path[: date.start()] + "/<date>" if date else path
        self._variants[key] += 1
        if self._variants[key] <= MAX_VARIANTS:
            return ""
        return f"more than {MAX_VARIANTS} {'dates' if date else 'queries'} under one path"
