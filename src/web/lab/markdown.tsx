/* Just the Markdown that docs/tutorial.md uses, as elements. Links lead to the sources. */

import type { ComponentChildren } from "preact";
import { Picture } from "./picture.js";

const INLINE = /`([^`]+)`|\*\*([^*]+)\*\*|\*([^*]+)\*|\[([^\]]+)\]\(([^)]+)\)/g;

export function Prose({ block }: { block: string }) {
  if (block.startsWith("    ")) return <Picture text={block.replaceAll(/^ {4}/gm, "")} />;
  if (block.startsWith("- ")) {
    return (
      <ul>
        {listOf(block).map((item) => (
          <li key={item}>{inline(item)}</li>
        ))}
      </ul>
    );
  }
  return <p>{inline(block)}</p>;
}

function listOf(block: string): string[] {
  return block
    .split(/^- /m)
    .filter((item) => item.trim() !== "")
    .map((item) => item.trim().replaceAll(/\s+/g, " "));
}

export function inline(text: string): ComponentChildren[] {
  const parts: ComponentChildren[] = [];
  let end = 0;
  for (const match of text.matchAll(INLINE)) {
    const [whole, code, strong, emphasis, label = "", link = ""] = match;
    parts.push(text.slice(end, match.index));
    if (code !== undefined) parts.push(<code>{code}</code>);
    else if (strong !== undefined) parts.push(<strong>{strong}</strong>);
    else if (emphasis !== undefined) parts.push(<em>{emphasis}</em>);
    else parts.push(<a {...toSource(link)}>{inline(label)}</a>);
    end = match.index + whole.length;
  }
  return [...parts, text.slice(end)];
}

/** A link of docs/tutorial.md, as the lab's server answers it. */
function toSource(link: string) {
  if (/^https?:/.test(link)) return { href: link, target: "_blank", rel: "noreferrer" };
  const path = new URL(link, "http://x/docs/").pathname.slice(1);
  return { href: `demo/source?path=${encodeURIComponent(path)}`, target: "_blank", rel: "noreferrer" };
}
