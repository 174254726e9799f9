import { execFileSync } from 'node:child_process';
import { statementsSeen } from './bigquery-server.js';
import type { HttpProxy } from './http-proxy.js';
import { pathOf, program } from './programs.js';

/** Google's own parser of GoogleSQL. */
export const googlesqlParser = program('googlesql-parse');

/** Of the statements that a proxy has seen: how many different ones, and those that GoogleSQL's parser refuses, with its reason. */
export function parseStatementsSeen(proxy: HttpProxy): {
  readonly parsed: number;
  readonly refused: string[];
} {
  const statements = [...new Set(statementsSeen(proxy))];
  const input = statements.map((statement) => `${JSON.stringify(statement)}\n`).join('');
  const answers = execFileSync(pathOf(googlesqlParser), { input, encoding: 'utf8' }).trim().split('\n');
  const refused = statements.flatMap((sql, i) => (answers[i] === 'ok' ? [] : [`${answers[i]}: ${sql}`]));
  return { parsed: answers.length, refused };
}
