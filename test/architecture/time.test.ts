import { expect } from 'chai';
import ts from 'typescript';
import { readText } from '../support/repository.js';
import { sourcesUnder } from '../support/sources.js';

const timeModule = 'core/kernel/time.ts';
const timerModule = 'core/kernel/timer.ts';

/** Where something stands alone for a reason. */
const exempt: Readonly<Record<string, string>> = {
  // It runs in a process of its own and loads nothing; what it is given has gone through a timer before.
  'adapters/command-line/watchdog.ts': 'setTimeout',
  // It logs a Date that is none.
  'core/testing/log-sink-contract.ts': 'new Date',
  // It copies what an author logs, Dates among it.
  'adapters/pino/plain-copy.ts': 'toISOString',
};

/** What a file does itself that the modules of time and of timers do for everybody. */
function byHand(file: string, text: string): string[] {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const found: string[] = [];
  const add = (what: string): void => {
    if (exempt[file] !== what) found.push(`${file}: ${what}`);
  };
  function visit(node: ts.Node): void {
    if (file !== timeModule) {
      if (ts.isNewExpression(node) && node.expression.getText() === 'Date') add('new Date');
      if (ts.isPropertyAccessExpression(node)) {
        if (/^Date\.(parse|UTC)$/.test(node.getText())) add(node.getText());
        if (node.name.text === 'toISOString') add('toISOString');
      }
      if (ts.isNumericLiteral(node) && /^86_?400(_?000){0,2}$/.test(node.getText())) add(node.getText());
      if (ts.isRegularExpressionLiteral(node) && /\\d\{4\}\)?-/.test(node.text)) add('a pattern of dates');
    }
    if (file !== timerModule && !file.startsWith('core/testing/')) {
      if (ts.isIdentifier(node) && node.text === 'setTimeout' && !ts.isImportSpecifier(node.parent))
        add('setTimeout');
      if (ts.isPropertyAccessExpression(node) && node.getText() === 'AbortSignal.timeout')
        add(node.getText());
      if (ts.isImportSpecifier(node) && (node.propertyName ?? node.name).text === 'setTimeout')
        add('setTimeout');
    }
    if (
      ts.isPropertyAssignment(node) &&
      node.name.getText().endsWith('Ms') &&
      /^z\s*\./.test(node.initializer.getText())
    )
      add(`${node.name.getText()} has a schema of its own`);
    ts.forEachChild(node, visit);
  }
  visit(source);
  return found;
}

describe('Times and durations', () => {
  it('are read, written and waited for in one module', () => {
    const files = ['core', 'plugins', 'adapters'].flatMap(sourcesUnder);
    expect(files.flatMap((file) => byHand(file, readText(file)))).to.deep.equal([]);
  });

  // The rule itself, on code that breaks it.
  const broken: [string, string][] = [
    ['Date.parse', `const ms = Date.parse('2001-06-15');`],
    ['Date.UTC', `const ms = Date.UTC(2001, 5);`],
    ['new Date', `const date = new Date(5);`],
    ['toISOString', `const text = date.toISOString();`],
    ['86_400_000', `const day = micros / 86_400_000;`],
    ['a pattern of dates', String.raw`const date = /^(\d{4})-\d\d/;`],
    ['setTimeout', `setTimeout(ring, delayMs);`],
    ['setTimeout', `import { setTimeout as sleep } from 'node:timers/promises';`],
    ['AbortSignal.timeout', `const signal = AbortSignal.timeout(5);`],
    ['waitMs has a schema of its own', `const options = z.strictObject({ waitMs: z.int().optional() });`],
  ];
  for (const [what, text] of broken) {
    it(`finds ${text}`, () =>
      expect(byHand('plugins/x/x.ts', text)).to.deep.equal([`plugins/x/x.ts: ${what}`]));
  }
});
