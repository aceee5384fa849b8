"""What makes the site whole: files of the repository that pages refer to come along, and so does the search's shim.

A link to a folder of the repository becomes its name.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from mkdocs.structure.files import File

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[2]
SHIM = "https://unpkg.com/iframe-worker/shim"
"""What the theme would load from elsewhere to search pages that were opened from the disk."""
OUR_SHIM = "assets/javascripts/iframe-worker.js"
LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)#]+)(#[^)]*)?\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what pages refer to elsewhere in the repository."""
    docs = Path(config.docs_dir)
    for page in docs.rglob("*.md"):
        for _, _, target, _ in LINK.findall(page.read_text(encoding="utf-8")):
            path = _outside(page, target, docs)
            if path is not None and path.is_file() and files.get_file_from_path(_place(path)) is None:
                files.append(File.generated(config, _place(path), abs_src_path=str(path)))
    files.append(
        File.generated(config, OUR_SHIM, abs_src_path=str(Path(__file__).with_name("iframe-worker.js")))
    )
    return files


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:  # noqa: ARG001 - as it is called
    """Load the shim from the site."""
    return output.replace(SHIM, "../" * page.file.dest_uri.count("/") + OUR_SHIM)


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001 - as it is called
    """Point those links to where the files came."""
    docs = Path(config.docs_dir)
    source = docs / page.file.src_uri
    up = "../" * page.file.src_uri.count("/")

    def put(found: re.Match[str]) -> str:
        image, text, target, anchor = found.groups()
        path = _outside(source, target, docs)
        if path is None:
            return found[0]
        return f"{image}[{text}]({up}{_place(path)}{anchor or ''})" if path.is_file() else text

    return LINK.sub(put, markdown)


def _outside(page: Path, target: str, docs: Path) -> Path | None:
    """The file or folder of this repository that a link out of `docs` names; None for any other link."""
    if "://" in target:
        return None
    path = (page.parent / target).resolve()
    return path if path.is_relative_to(ROOT) and not path.is_relative_to(docs) else None


def _place(path: Path) -> str:
    """Where it lies in the site; Markdown as text, for it is no page of it."""
    name = path.relative_to(ROOT).as_posix()
    return f"repository/{name}.txt" if path.suffix in {".md", ".py"} else f"repository/{name}"
