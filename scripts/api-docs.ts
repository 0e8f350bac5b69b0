/*
 * `npm run docs:api`: writes docs/api from the types and their comments. It has every name that the
 * package exports, with all public members. docs.test.ts compares the result. It also fails if a
 * name or a member has no comment.
 *
 * The compiler answers the questions. Its interface is new and not stable yet, so only this file
 * uses it.
 */

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join, relative } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { type Node, SyntaxKind } from "typescript/unstable/ast";
import { API, type Checker, type Project, type Symbol as Sym, SymbolFlags, type Type } from "typescript/unstable/sync";
import { OPTIONS } from "../src/server/config.js";

const root = fileURLToPath(new URL("..", import.meta.url));
const sourceFolder = join(root, "src");

/** One page for each door of the package. */
const PAGES = [
  { page: "server", entries: [{ name: "socketscaler", file: "server/index.ts" }] },
  {
    page: "client",
    entries: [
      { name: "socketscaler/client", file: "client/index.ts" },
      { name: "socketscaler/client/keep", file: "client/kept-changes.ts" },
    ],
  },
  { page: "react", entries: [{ name: "socketscaler/react", file: "react/index.ts" }] },
] as const;

/** The text before the names. */
const INTRODUCTIONS: Readonly<Record<string, string>> = {
  server: "For programs that run boards in their own server. [embedding.md](../embedding.md) is the manual.",
  client: "For browsers and Node. [client.md](../client.md) is the manual, with examples.",
  react: "Hooks for React 18 and later. [embedding.md](../embedding.md#react-socketscalerreact) has an example.",
};

/** The compiler's flags for a type as text: whole, and an alias by its meaning. */
const WHOLE = 1 + 8_388_608;

/** Text of a declaration that is a type's member as it is written. */
const WRITTEN_MEMBERS = new Set([
  SyntaxKind.PropertySignature,
  SyntaxKind.MethodSignature,
  SyntaxKind.PropertyDeclaration,
  SyntaxKind.MethodDeclaration,
  SyntaxKind.GetAccessor,
  SyntaxKind.Parameter,
]);

export interface ApiPage {
  /** Below the root of the repository. */
  readonly document: string;
  readonly text: string;
  /** Names and members without a comment. */
  readonly silent: readonly string[];
}

export function makeApi(): ApiPage[] {
  const api = new API({ cwd: root });
  try {
    const configOf = (file: string) => join(sourceFolder, file.split("/")[0] ?? "", "tsconfig.json");
    const entries = PAGES.flatMap(({ page, entries }) => entries.map((entry) => ({ page, ...entry })));
    const snapshot = api.updateSnapshot({ openProjects: entries.map(({ file }) => configOf(file)) });
    const doors = entries.map(({ page, name, file }) => {
      const project = snapshot.getProject(configOf(file));
      if (!project) throw new Error(`the compiler does not know ${configOf(file)}`);
      return { page, door: new Door(project, name, join(sourceFolder, file)) };
    });
    const exported = new Set(doors.flatMap(({ door }) => door.exported.map(({ name }) => name)));
    return PAGES.map(({ page }) => {
      const ofPage = doors.filter((each) => each.page === page).map(({ door }) => door);
      const head = `# API: ${page}\n\n<!-- Made from the types by npm run docs:api, not to be edited -->\n`;
      const parts = ofPage.map((door) => door.text(exported));
      const text = `${[head, INTRODUCTIONS[page], ...parts].join("\n")}\n`;
      return { document: `docs/api/${page}.md`, text, silent: ofPage.flatMap(({ silent }) => silent) };
    });
  } finally {
    api.close();
  }
}

/** The names that one door of the package exports. */
class Door {
  readonly exported: readonly Sym[];
  /** Names and members without a comment. */
  readonly silent: string[] = [];
  readonly #project: Project;
  readonly #checker: Checker;
  readonly #name: string;
  /** Name -> source file, of types that signatures name. */
  readonly #named = new Map<string, string>();

  constructor(project: Project, name: string, path: string) {
    this.#project = project;
    this.#checker = project.checker;
    this.#name = name;
    const file = project.program.getSourceFile(path);
    const module = file && this.#checker.getSymbolAtLocation(file);
    if (!module) throw new Error(`the compiler cannot read ${path}`);
    this.exported = this.#checker.getExportsOfModule(module).toSorted((one, other) => (one.name < other.name ? -1 : 1));
  }

  /** `exported` has the names that any door exports. */
  text(exported: ReadonlySet<string>): string {
    const parts = this.exported.map((symbol) => this.#described(symbol));
    for (const name of exported) this.#named.delete(name);
    return [`\n## ${code(this.#name)}\n`, ...parts, ...this.#others()].join("\n");
  }

  /** Types that are named above and not exported. They may change in any release. */
  #others(): string[] {
    const links = [...this.#named].toSorted().map(([name, path]) => `[${code(name)}](../../${path})`);
    return links.length > 0 ? [`Types without an export, which may change in any release: ${links.join(", ")}.\n`] : [];
  }

  /** Notes the types of ours that a signature names. */
  #note(text: string, at: Node): string {
    for (const [name] of text.replaceAll(/"[^"]*"/g, "").matchAll(/\b[A-Z]\w+/g)) {
      const symbol = this.#checker.resolveName(
        name,
        (SymbolFlags.Type & ~SymbolFlags.TypeParameter) | SymbolFlags.Alias,
        at,
      );
      const meant =
        symbol && (symbol.flags & SymbolFlags.Alias) !== 0 ? this.#checker.getAliasedSymbol(symbol) : symbol;
      const file = meant?.declarations[0]?.resolve(this.#project)?.getSourceFile().fileName;
      if (file?.startsWith(sourceFolder) && (meant?.flags ?? 0) & SymbolFlags.Type & ~SymbolFlags.TypeParameter)
        this.#named.set(name, relative(root, file));
    }
    return text;
  }

  #described(exported: Sym): string {
    const isAlias = (exported.flags & SymbolFlags.Alias) !== 0;
    const symbol = isAlias ? this.#checker.getAliasedSymbol(exported) : exported;
    const declaration = this.#declarationOf(symbol);
    const path = relative(root, declaration.getSourceFile().fileName);
    const comment = this.#comment(symbol, exported.name);
    const shown = isPicture(comment) ? `\`\`\`\n${comment}\n\`\`\`` : comment;
    const parts = [
      `### ${code(exported.name)}\n`,
      "```ts",
      this.#note(this.#headOf(symbol, declaration), declaration),
      "```\n",
      shown,
    ];
    const members = this.#membersOf(symbol, exported.name);
    if (members.length > 0) parts.push("", "| member | meaning |", "| --- | --- |", ...members);
    return [...parts, "", `<sub>[${basename(path)}](../../${path})</sub>\n`].join("\n");
  }

  /** The declaration as it is written, without its members or its body. */
  #headOf(symbol: Sym, declaration: Node): string {
    const text = declaration.getText().replace(/^export /, "");
    switch (declaration.kind) {
      case SyntaxKind.InterfaceDeclaration:
      case SyntaxKind.ClassDeclaration:
        return text.slice(0, text.indexOf("{")).trim();
      case SyntaxKind.FunctionDeclaration: {
        const body = "body" in declaration ? (declaration.body as Node | undefined) : undefined;
        return body ? text.slice(0, text.length - body.getText().length).trim() : text;
      }
      case SyntaxKind.TypeAliasDeclaration: {
        const type = this.#checker.getDeclaredTypeOfSymbol(symbol);
        const isMapped = text.includes(" in ");
        const meaning = isMapped ? "" : ` = ${this.#typeText(type, declaration)}`;
        return `type ${symbol.name}${meaning}`;
      }
      default:
        return `const ${text.replace(/ = [\s\S]*$/, "")}`;
    }
  }

  /** Rows for the members of an interface, a class, or an alias of another type. */
  #membersOf(symbol: Sym, owner: string): string[] {
    if ((symbol.flags & (SymbolFlags.Interface | SymbolFlags.Class | SymbolFlags.TypeAlias)) === 0) return [];
    const type = this.#checker.getDeclaredTypeOfSymbol(symbol);
    if (type.isUnionType() || !type.isObjectType()) return [];
    return this.#checker.getPropertiesOfType(type).flatMap((member) => {
      const declaration = member.declarations.map((handle) => handle.resolve(this.#project)).find((node) => node);
      if (!declaration || !this.#isPublic(declaration, member.name)) return [];
      const comment = this.#comment(member, `${owner}.${member.name}`);
      const text = this.#note(this.#memberText(member, declaration), declaration);
      return [`| ${code(text)} | ${cell(comment)} |`];
    });
  }

  /** Members from other packages and from JavaScript itself are known from there. */
  #isPublic(declaration: Node, name: string): boolean {
    const text = declaration.getText();
    const isOurs = declaration.getSourceFile().fileName.startsWith(sourceFolder);
    return isOurs && !name.startsWith("__") && !/^(?:readonly |async |get )*#/.test(text);
  }

  #memberText(member: Sym, declaration: Node): string {
    const written = declaration.getText();
    // A type that only this code knows is shown by its meaning.
    if (WRITTEN_MEMBERS.has(declaration.kind) && !written.includes('["')) {
      const body = "body" in declaration ? (declaration.body as Node | undefined) : undefined;
      const head = body ? written.slice(0, written.length - body.getText().length) : written;
      return head
        .replace(/^async /, "")
        .replace(/^get (\w+)\(\)/, "readonly $1")
        .replace(/\s+/g, " ")
        .replace(/[;\s]+$/, "");
    }
    const type = this.#checker.getTypeOfSymbol(member);
    const mark = (member.flags & SymbolFlags.Optional) === 0 ? "" : "?";
    return `${member.name}${mark}: ${type ? this.#typeText(type, declaration) : "unknown"}`;
  }

  #typeText(type: Type, at: Node): string {
    return this.#checker.typeToString(type, at, WHOLE).replaceAll(/import\("[^"]*"\)\./g, "");
  }

  #comment(symbol: Sym, name: string): string {
    const written = this.#checker.getDocumentationCommentOfSymbol(symbol).trim();
    const [, field = ""] = /^Config\.(\w+)$/.exec(name) ?? [];
    const option = Object.entries(OPTIONS).find(([each]) => each === field)?.[1];
    const comment = option ? `${option.help} (\`${option.env}\`)` : written;
    if (!comment) this.silent.push(name);
    return comment;
  }

  #declarationOf(symbol: Sym): Node {
    const [handle] = symbol.declarations;
    const declaration = handle?.resolve(this.#project);
    if (!declaration) throw new Error(`${symbol.name} has no declaration`);
    return declaration;
  }
}

/** Columns that Markdown would join. */
function isPicture(comment: string): boolean {
  return comment.split("\n").every((line) => /^\S+ {2,}\S/.test(line));
}

/** A text between backquotes. A vertical bar would end a cell. */
function code(text: string): string {
  return `\`${text.replaceAll("|", "\\|")}\``;
}

function cell(text: string): string {
  const sentences = isPicture(text) ? text.replace(/^(\S+) +(.*)$/gm, "`$1`: $2.") : text;
  return sentences.replace(/\s*\n\s*/g, " ").replaceAll("|", "\\|");
}

export function writeApi(): void {
  for (const { document, text, silent } of makeApi()) {
    const path = join(root, document);
    const before = existsSync(path) ? readFileSync(path, "utf8") : "";
    writeFileSync(path, text);
    console.log(`${document}: ${before === text ? "up to date" : "updated"}`);
    for (const name of silent) console.log(`  ${name} has no comment`);
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) writeApi();
