import { expect } from 'chai';
import ts from 'typescript';
import { readText } from '../support/repository.js';
import { sourcesUnder } from '../support/sources.js';

/**
 * Where texts of requests and of stores are at hand while a server runs. The other rooms hold names that a configuration has, or that a
 * vendor's library gives.
 */
const rooms = [
  ...['data', 'json', 'kernel', 'offline', 'parts', 'pipeline', 'steps', 'wire'].map(
    (room) => `core/${room}`,
  ),
  'plugins',
  ...['couchbase', 'express', 'keyv', 'lmdb', 'memory', 'redis'].map((adapter) => `adapters/${adapter}`),
];

/** Types of keys that are no text. */
const harmless = /^(?:TextKey|number|number \| bigint|K|unknown\[\])$/;

/**
 * What says, before a statement or a member of a class, that the keys in it are texts, but names of a configuration, a model or a vendor:
 * few, short, and known when a server starts.
 */
const named = /^\/\/ Keys: \S.*\.$/m;

/** The Maps and Sets of a file whose keys may be texts: those that do not say they are anything else. */
function textKeyed(file: string, text: string): string[] {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const found: string[] = [];
  function visit(node: ts.Node): void {
    if (ts.isNewExpression(node) && /^(?:Map|Set)$/.test(node.expression.getText())) {
      const key = node.typeArguments?.[0]?.getText() ?? declaredKey(node);
      const literal = node.arguments?.[0];
      const isLiteral = literal !== undefined && ts.isArrayLiteralExpression(literal);
      const isText =
        key === undefined
          ? !isLiteral || hasSpread(literal)
          : !harmless.test(key) && /\b(?:string|unknown)\b/.test(key);
      if (isText && !saysNames(node, text)) found.push(node.getText().split('\n')[0]!);
    }
    ts.forEachChild(node, visit);
  }
  visit(source);
  return found;
}

/** Whether a comment before the statement or the member of a class around a node says what its keys are. */
function saysNames(node: ts.Node, text: string): boolean {
  let around = node;
  const beginsLine = (): boolean => /(?:^|\n)\s*$/.test(text.slice(0, around.getStart()));
  while (!((ts.isStatement(around) || ts.isClassElement(around)) && beginsLine())) {
    if (ts.isSourceFile(around.parent)) break;
    around = around.parent;
  }
  const comments = ts.getLeadingCommentRanges(text, around.getFullStart()) ?? [];
  return comments.some(({ pos, end }) => named.test(text.slice(pos, end)));
}

/** The type of the keys that a variable's or a field's own type gives. */
function declaredKey({ parent }: ts.Node): string | undefined {
  if (!ts.isVariableDeclaration(parent) && !ts.isPropertyDeclaration(parent)) return undefined;
  return /^(?:Readonly)?(?:Map|Set)<([^,>]+)/.exec(parent.type?.getText() ?? '')?.[1];
}

function hasSpread(list: ts.ArrayLiteralExpression): boolean {
  return list.elements.some((element) => ts.isSpreadElement(element));
}

describe('Texts as keys', () => {
  it('are made by textKey wherever they come from requests or stores', () => {
    const found = rooms
      .flatMap(sourcesUnder)
      .flatMap((file) => textKeyed(file, readText(file)).map((collection) => `${file}: ${collection}`));
    expect(
      found,
      'say Map<TextKey, …> and use textKey(text), or say before the statement what the keys are: "// Keys: names of columns."',
    ).to.deep.equal([]);
  });

  it('are seen where a file uses texts as they are', () => {
    const text = `
      const a = new Map<string, number>();
      const b = new Set(rows.map(({ key }) => key));
      const c = new Map<TextKey, number>();
      const d = new Set<number>();
      const e = new Set(['a', 'b']);
      const f: Map<string, number> = new Map();
      const g = new Set([...keys]);
      const h = new Map<unknown, number>();`;
    expect(textKeyed('a.ts', text)).to.have.length(5);
  });

  it('are names where a comment before the statement or the member says of what', () => {
    const text = `
      // Keys: names of columns.
      const a = new Map<string, number>();
      class A {
        /** By name. */
        // Keys: names of views.
        readonly #b = new Map<string, number>();
        readonly #c = new Map<string, number>();
      }
      // Keys: names of columns.
      function f() {
        return new Set(rows.map(({ key }) => key));
      }
      if (a.size > 0) {
        // Keys: names of models.
        return [
          ...new Set([...keys]),
        ];
      }
      // Keys:
      const d = new Set<string>();
      // By name.
      const e = new Set<unknown>();`;
    expect(textKeyed('a.ts', text)).to.deep.equal([
      'new Map<string, number>()',
      'new Set(rows.map(({ key }) => key))',
      'new Set<string>()',
      'new Set<unknown>()',
    ]);
  });
});
