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

/** Collections whose keys are texts, but names of a configuration, a model or a vendor: few, short, and known when a server starts. */
const named: Readonly<Record<string, number>> = {
  'adapters/lmdb/error-code.ts': 1, // codes of errors
  'adapters/memory/blobs.ts': 1, // paths of blobs
  'adapters/redis/connection.ts': 1, // nodes of a cluster
  'adapters/redis/errors.ts': 1, // codes of errors
  'core/data/types.ts': 1, // names of types
  'core/json/record-exchange.ts': 1, // methods, statuses and routes
  'core/offline/as-of-run.ts': 4, // hashes of views, names of labels and of steps
  'core/offline/check-sources.ts': 2, // names of columns
  'core/offline/open-views.ts': 2, // names of views
  'core/offline/spine.ts': 2, // names of columns
  'core/offline/training-set.ts': 5, // names of columns and of steps
  'core/parts/guard.ts': 1, // ports
  'core/parts/members.ts': 1, // names of methods
  'core/pipeline/column-table.ts': 5, // names of columns
  'core/pipeline/execute.ts': 1, // nodes
  'core/pipeline/explain.ts': 1, // rows
  'core/pipeline/run.ts': 1, // names of steps
  'core/pipeline/step-compiler.ts': 2, // nodes
  'core/steps/predict/predict.ts': 1, // columns of a plan
  'core/wire/content-encoding.ts': 1, // names of codings in a header, at most 20
  'core/wire/json/texts.ts': 1, // names of floats
  'core/wire/open-inference/infer-request.ts': 2, // names of tensors
  'plugins/model-predictor/served-model.ts': 1, // instances
  'plugins/model-predictor/tensors.ts': 1, // names of tensors
  'plugins/model-repository/blob-repository.ts': 1, // names of models
  'plugins/model-repository/copies.ts': 3, // versions of models
  'plugins/offline-store/aggregates.ts': 4, // names of columns
  'plugins/offline-store/as-of.ts': 1, // names of views
  'plugins/offline-store/check.ts': 2, // names of columns
  'plugins/offline-store/materialize.ts': 1, // names of columns
  'plugins/offline-store/relation.ts': 1, // names of columns
  'plugins/offline-store/source.ts': 2,
  'plugins/offline-store/spine.ts': 1,
  'plugins/offline-store/storable-times.ts': 2, // names of columns
  'plugins/open-inference/routes.ts': 1, // paths of models
  'plugins/open-inference/served-models.ts': 3, // names of models
  'plugins/operations/routes.ts': 2, // paths of routes
  'plugins/rest/rest-api.ts': 1, // names of pipelines
};

/** Types of keys that are no text. */
const harmless = /^(?:TextKey|number|number \| bigint|K|unknown\[\])$/;

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
      if (isText) found.push(node.getText().split('\n')[0]!);
    }
    ts.forEachChild(node, visit);
  }
  visit(source);
  return found;
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
    const files = rooms.flatMap(sourcesUnder);
    const found = Object.fromEntries(
      files
        .map((file) => [file, textKeyed(file, readText(file))] as const)
        .filter(([, collections]) => collections.length > 0)
        .map(([file, collections]) => [file, collections.length]),
    );
    expect(found, 'say Map<TextKey, …> and use textKey(text), or list the names here').to.deep.equal(named);
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
});
