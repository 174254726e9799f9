import {
  isAlias,
  isCollection,
  isMap,
  isPair,
  isScalar,
  visit,
  type Document,
  type LineCounter,
  type Node,
  type YAMLError,
  type YAMLMap,
} from 'yaml';
import type { ConfigPath, Mistake } from './mistake.js';

/** A YAML document and its text. */
export interface ReadDocument {
  readonly document: Document;
  readonly text: string;
  readonly lines: LineCounter;
}

/** The faults of a text that is not YAML: one for each thing to mend, with its line. */
export function syntaxFaults({ document, text, lines }: ReadDocument): Mistake[] {
  const faults: Mistake[] = [];
  const seen = new Set<number>();
  for (const error of document.errors) {
    const place = openingOf(error, document)?.range?.[0] ?? error.pos[0];
    const line = lines.linePos(place).line;
    const message = faultText(error, { text, lines });
    if (!seen.has(line)) faults.push({ path: [], message, line });
    seen.add(line);
    // From here on the parser has lost the structure of the document.
    const isLost = [tabs, unlikeAbove, noDash].includes(message) || error.code === 'UNEXPECTED_TOKEN';
    if (isLost || isOpenQuote(error)) break;
  }
  return faults;
}

/**
 * What is YAML, but not what a configuration may hold: keys that stand twice, merge keys, tags, aliases of nothing. The last cannot be made
 * a value, so `resolved` is then false.
 */
export function contentFaults({ document, lines }: ReadDocument): {
  readonly faults: readonly Mistake[];
  readonly resolved: boolean;
} {
  const faults: Mistake[] = [];
  const anchors = new Set<string>();
  let resolved = true;
  const add = (path: ConfigPath, node: unknown, message: string): void => {
    const at = (node as Node | null)?.range?.[0];
    faults.push({ path, message, ...(at === undefined ? {} : { line: lines.linePos(at).line }) });
  };
  const keyFaults = (map: YAMLMap, at: ConfigPath): void => {
    const first = new Map<string, Node>();
    for (const { key } of map.items) {
      // The parser gives a merge key as a symbol.
      const name = isScalar(key) ? (typeof key.value === 'symbol' ? '<<' : String(key.value)) : undefined;
      if (name === undefined) {
        resolved = false;
        add(at, key, 'a key must be a text, not a block or a list');
        continue;
      }
      const before = first.get(name);
      const fault = keyFault(
        name,
        before === undefined ? undefined : lines.linePos(before.range?.[0] ?? 0).line,
      );
      if (fault !== undefined) add([...at, name], key, fault);
      else first.set(name, key as Node);
    }
  };
  visit(document, {
    Node(_, node, ancestors) {
      if (isAlias(node)) {
        if (anchors.has(node.source)) return;
        resolved = false;
        add(
          pathOf(ancestors, node),
          node,
          `the alias *${node.source} refers to no anchor: write &${node.source} before the value that it repeats`,
        );
        return;
      }
      if (node.anchor !== undefined) anchors.add(node.anchor);
      if (node.tag !== undefined && !node.tag.startsWith('tag:yaml.org,2002:'))
        add(pathOf(ancestors, node), node, `the tag ${node.tag} has no meaning here: leave it out`);
      if (isMap(node)) keyFaults(node, pathOf(ancestors, node));
    },
  });
  return { faults, resolved };
}

/** @param before The line of the same key before it in the map. */
function keyFault(name: string, before: number | undefined): string | undefined {
  if (/:[{[]/.test(name)) return `is a space missing after the ":" of "${name}"?`;
  if (name === '<<')
    return 'merge keys (<<) are not read: repeat the keys, or give the whole value an anchor';
  return before === undefined
    ? undefined
    : `the key "${name}" stands here a second time, after line ${before}: keep one of them`;
}

const tabs = 'is indented with a tab: indent with spaces';
const unlikeAbove = 'is indented unlike the keys above it: keys of one block begin in the same column';
const noDash =
  'stands in a list, but does not begin with "- ": indent it like the keys of the step or entry above';
/** Faults of the structure, which a tab among the spaces of an indentation causes. */
const structural: readonly YAMLError['code'][] = [
  'TAB_AS_INDENT',
  'BAD_INDENT',
  'MULTILINE_IMPLICIT_KEY',
  'BLOCK_AS_IMPLICIT_KEY',
  'MISSING_CHAR',
  'UNEXPECTED_TOKEN',
];

function faultText(error: YAMLError, { text, lines }: Pick<ReadDocument, 'text' | 'lines'>): string {
  const { line } = lines.linePos(error.pos[0]);
  const source = text.split('\n')[line - 1] ?? '';
  if (/(^|[^"'$])\$\{env:/.test(source)) return 'inside { … } or [ … ] quote it: "${env:NAME}"';
  if (structural.includes(error.code) && /^ *\t/.test(source)) return tabs;
  const said = error.message.split('\n')[0]!.replace(/ at line \d+, column \d+:?$/, '');
  switch (error.code) {
    case 'BAD_INDENT':
      if (said.startsWith('Flow'))
        return `the ${said.includes('map') ? '{' : '['} is not closed: write its ${said.includes('map') ? '}' : ']'} before line ${line}, or indent that line further`;
      return unlikeAbove;
    case 'MULTILINE_IMPLICIT_KEY':
      return 'is neither a key nor a value: is a ":" missing after the key?';
    case 'BLOCK_AS_IMPLICIT_KEY':
      if (isContinued(text, line))
        return 'has a value, but the line below is indented further: keys of one block begin in the same column';
      return 'has two keys on one line: quote a text that holds ": ", and begin a block on a line of its own';
    case 'BAD_SCALAR_START':
      return `a text cannot begin with ${text[error.pos[0]] ?? 'this'}: quote it`;
    case 'MULTIPLE_DOCS':
      return 'a second document begins here (---): a configuration is one document';
    case 'UNEXPECTED_TOKEN':
      return `${JSON.stringify(source.slice(lines.linePos(error.pos[0]).col - 1, lines.linePos(error.pos[0]).col + 19))} does not belong here: quote a text that holds { } [ ] or ,`;
    default:
      if (isOpenQuote(error)) return 'the quote that opens here is not closed';
      return said.startsWith('Sequence item without') ? noDash : said;
  }
}

/** Whether the line after this one is indented further than the key that this one begins with. */
function isContinued(text: string, line: number): boolean {
  const [own = '', next = ''] = text.split('\n').slice(line - 1, line + 1);
  const column = /^[ -]*/.exec(own)![0].length;
  return /^ */.exec(next)![0].length > column;
}

function isOpenQuote({ code, message }: YAMLError): boolean {
  return code === 'MISSING_CHAR' && message.includes('quote');
}

/** Where a quote, a `{` or a `[` opens that an error finds not closed. */
function openingOf(error: YAMLError, document: Document): Node | undefined {
  const isFlow = error.code === 'BAD_INDENT' && error.message.startsWith('Flow');
  if (!isFlow && !isOpenQuote(error)) return undefined;
  let opening: Node | undefined;
  visit(document, {
    Node(_, node) {
      const [from, to] = node.range ?? [Infinity, 0];
      if (from > error.pos[0] || to < error.pos[0]) return;
      const isQuote = isScalar(node) && (node.type === 'QUOTE_DOUBLE' || node.type === 'QUOTE_SINGLE');
      if (isFlow ? isCollection(node) && node.flow === true : isQuote) opening = node;
    },
  });
  return opening;
}

/** The path of a node: the keys and indices of its ancestors. */
function pathOf(ancestors: readonly unknown[], node: unknown): ConfigPath {
  const path: (string | number)[] = [];
  const chain = [...ancestors, node];
  chain.forEach((ancestor, i) => {
    const child = chain[i + 1];
    if (isPair(ancestor) && isScalar(ancestor.key)) path.push(String(ancestor.key.value));
    else if (isCollection(ancestor) && !isMap(ancestor) && child !== undefined)
      path.push(ancestor.items.indexOf(child));
  });
  return path;
}
