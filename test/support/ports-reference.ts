import { pathToFileURL } from 'node:url';
import { join } from 'node:path';
import ts from 'typescript';
import * as testing from 'vivace/testing';
import { resolveUse, type Definition } from 'vivace';
import { builtInNames } from '../../core/composition/resolve-use.js';
import { slotPort } from '../../core/parts/definition.js';
import type { Port } from '../../core/ports/port.js';
import { readText, repositoryFiles, root } from './repository.js';

/** Files of ports, and those of the planes, which hold what a transport gets and no port. */
const portFiles = repositoryFiles().filter((path) => /^core\/ports\/[a-z-]+\.ts$/.test(path));
const tableFile = 'core/ports/port.ts';

/** What the keys of a table of operations mean: the members of `OperationSpec`, with their comments. */
export function operationKeys(): string {
  const declared = interfacesOf(tableFile).find(({ name }) => name.text === 'OperationSpec')!;
  const rows = declared.members.map((member) => `| \`${nameOf(member)}\` | ${inCell(commentOf(member))} |`);
  return ['| key | what the guard does |', '|---|---|', ...rows].join('\n');
}

/** Every port: what it is, its table, its operations with their comments, and the types that they take and give. */
export async function portsReference(): Promise<string> {
  const definitions = await Promise.all(builtInNames().map((name) => resolveUse(name, root)));
  const tiers: [Port['tier'], string][] = [
    ['adapter', 'Adapter ports'],
    ['plugin', 'Plugin ports'],
  ];
  const ports = await Promise.all(
    portFiles
      .filter((path) => path !== tableFile && !path.endsWith('-plane.ts'))
      .map(async (path) => ({ path, ...(await portOf(path)) })),
  );
  return [
    ...tiers.flatMap(([tier, title]) => [
      `## ${title}`,
      ...ports.filter(({ port }) => port.tier === tier).map((entry) => portSection(entry, definitions)),
    ]),
    '## Planes',
    ...portFiles.filter((path) => path.endsWith('-plane.ts')).map((path) => typesSection(path, '###')),
  ].join('\n\n');
}

interface PortEntry {
  readonly path: string;
  readonly reference: string;
  readonly interfaceName: string;
  readonly port: Port;
}

/** The port that a file exports: `export const keyValueStore = adapterPort<KeyValueStore>(…)`. */
async function portOf(path: string): Promise<Omit<PortEntry, 'path'>> {
  const module = (await import(
    pathToFileURL(join(root, 'dist', path.replace(/\.ts$/, '.js'))).href
  )) as Record<string, Port>;
  for (const statement of sourceOf(path).statements) {
    if (!ts.isVariableStatement(statement)) continue;
    for (const { name, initializer } of statement.declarationList.declarations) {
      if (initializer === undefined || !ts.isCallExpression(initializer) || !ts.isIdentifier(name)) continue;
      if (!/^(adapter|plugin)Port$/.test(initializer.expression.getText())) continue;
      const interfaceName = initializer.typeArguments![0]!.getText();
      return { reference: name.text, interfaceName, port: module[name.text]! };
    }
  }
  throw new Error(`${path} exports no port`);
}

function portSection(
  { path, reference, interfaceName, port }: PortEntry,
  definitions: readonly Definition[],
): string {
  const declared = interfacesOf(path).find(({ name }) => name.text === interfaceName);
  if (declared === undefined) throw new Error(`${path} does not declare ${interfaceName}`);
  const contract = `${reference}Contract`;
  if (!(contract in testing)) throw new Error(`vivace/testing has no ${contract}`);
  const parts = definitions.map(({ name, tier, provides, uses }) => ({
    link: `[${name}](${tier === 'adapter' ? 'adapters' : 'plugins'}/${name}.md)`,
    provides: provides.some(({ id }) => id === port.id),
    uses: Object.values(uses).some((slot) => slotPort(slot).port.id === port.id),
  }));
  const listed = (label: string, of: 'provides' | 'uses'): string[] => {
    const links = parts.filter((part) => part[of]).map(({ link }) => link);
    return links.length === 0 ? [] : [`- ${label}: ${links.join(', ')}`];
  };
  return [
    `### ${interfaceName}`,
    commentOf(declared),
    [
      `- Port: \`${reference}\`, named \`${port.name}\``,
      ...listed('Provided by', 'provides'),
      ...listed('In a slot of', 'uses'),
      `- Contract: [\`${contract}\`](testing.md#contracts)`,
      ...(port.probe === undefined ? [] : ['- `vivace check --connect` tries it']),
    ].join('\n'),
    ...declared.members.map((member) => memberText(member, port)),
    typesSection(path, '####', interfaceName),
  ]
    .filter((text) => text !== '')
    .join('\n\n');
}

/** The exported interfaces and types of a file, but the one that is told already. */
function typesSection(path: string, heading: string, but?: string): string {
  const sections = sourceOf(path).statements.flatMap((statement) => {
    if (!isExported(statement)) return [];
    if (ts.isInterfaceDeclaration(statement) && statement.name.text !== but) {
      const members = statement.members.map((member) => fieldText(member, ''));
      return [
        `${heading} ${statement.name.text}`,
        extended(statement),
        commentOf(statement),
        members.join('\n'),
      ];
    }
    if (ts.isTypeAliasDeclaration(statement))
      return [`${heading} ${statement.name.text}`, code(statement.type), commentOf(statement)];
    return [];
  });
  return sections.filter((text) => text !== '').join('\n\n');
}

function extended({ heritageClauses = [] }: { heritageClauses?: readonly ts.HeritageClause[] }): string {
  const types = heritageClauses.flatMap((clause) => clause.types.map((type) => code(type)));
  return types.length === 0 ? '' : `Also has what ${types.join(', ')} has.`;
}

/** An operation or another member of a port's interface. */
function memberText(member: ts.TypeElement, { operations }: Port): string {
  const name = nameOf(member);
  const spec = operations[name];
  const keys = Object.entries(spec ?? {}).map(([key, value]) => `\`${key}${valueOf(value)}\``);
  const called = ts.isMethodSignature(member);
  const guarded = spec === undefined ? 'not guarded' : keys.join(', ');
  return [
    `**\`${name}\`**${called && guarded !== '' ? ` (${guarded})` : ''}`,
    code(member),
    commentOf(member),
    nestedFields(member, ''),
  ]
    .filter((text) => text !== '')
    .join('\n\n');
}

/** The value of a key of the table: of a table within the table its operations. */
function valueOf(value: unknown): string {
  if (value === true || typeof value === 'function') return '';
  if (typeof value === 'object' && value !== null) return `: ${Object.keys(value).join(', ')}`;
  return `: '${String(value)}'`;
}

/** One line per field, and below it those of a type that is written in place. */
function fieldText(member: ts.TypeElement, indent: string): string {
  const comment = commentOf(member);
  const text = comment.replaceAll(/\n(?=[^\n])/g, `\n${indent}  `);
  const nested = nestedFields(member, `${indent}  `);
  return `${indent}- ${code(member)}${text === '' ? '' : `: ${text}`}${nested === '' ? '' : `\n${nested}`}`;
}

/** Fields of a type that is written in place, where any of them has a comment. */
function nestedFields(member: ts.TypeElement, indent: string): string {
  const type = ts.isPropertySignature(member) ? member.type : undefined;
  if (type === undefined || !ts.isTypeLiteralNode(type)) return '';
  if (type.members.every((field) => commentOf(field) === '')) return '';
  return type.members.map((field) => fieldText(field, indent)).join('\n');
}

const printer = ts.createPrinter({ removeComments: true });

/** A declaration as one line of code, without comments. */
function code(node: ts.Node): string {
  const text = printer.printNode(ts.EmitHint.Unspecified, node, node.getSourceFile());
  return `\`${text
    .replaceAll(/\s+/g, ' ')
    .replaceAll(/\breadonly (?=\w+\??:)/g, '')
    .replace(/;$/, '')
    .trim()}\``;
}

const sources = new Map<string, ts.SourceFile>();

function sourceOf(path: string): ts.SourceFile {
  let source = sources.get(path);
  if (source === undefined) {
    source = ts.createSourceFile(path, readText(path), ts.ScriptTarget.Latest, true);
    sources.set(path, source);
  }
  return source;
}

function interfacesOf(path: string): ts.InterfaceDeclaration[] {
  return sourceOf(path).statements.filter(ts.isInterfaceDeclaration);
}

function isExported(statement: ts.Statement): boolean {
  return (
    ts.canHaveModifiers(statement) &&
    ts.getModifiers(statement)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword) === true
  );
}

function nameOf(member: ts.TypeElement): string {
  return member.name?.getText() ?? '';
}

const tagTexts: Readonly<Record<string, (name: string) => string>> = {
  param: (name) => `\`${name}\`: `,
  returns: () => 'Returns: ',
  throws: () => 'Throws: ',
  see: () => 'See ',
};

/** A doc comment as Markdown: its text, then its tags as a list. */
function commentOf(node: ts.Node): string {
  const [comment] = ts.getJSDocCommentsAndTags(node).filter(ts.isJSDoc);
  if (comment === undefined) return '';
  const tags = (comment.tags ?? []).map((tag) => {
    const label = tagTexts[tag.tagName.text];
    if (label === undefined) throw new Error(`the reference has no place for @${tag.tagName.text}`);
    const type = ts.isJSDocThrowsTag(tag) ? tag.typeExpression?.type.getText() : undefined;
    const name = ts.isJSDocParameterTag(tag) ? tag.name.getText() : '';
    const thrown = type === undefined ? '' : `\`${type}\` `;
    return `- ${label(name)}${thrown}${oneLine(ts.getTextOfJSDocComment(tag.comment) ?? '')}`;
  });
  const text = unwrapped(ts.getTextOfJSDocComment(comment.comment) ?? '');
  return [text, tags.join('\n')].filter((part) => part !== '').join('\n\n');
}

/** Lines of one paragraph joined; items of a list stay lines. */
function unwrapped(text: string): string {
  return text
    .split(/\n\s*\n/)
    .map((paragraph) => paragraph.trim().replaceAll(/\n(?!- )\s*/g, ' '))
    .join('\n\n');
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').replace(/^- /, '').trim();
}

function inCell(text: string): string {
  return oneLine(text).replaceAll('|', '\\|');
}
