import { Lexer, LineCounter, Parser } from 'yaml';
import { ConfigError } from './mistake.js';

/** A configuration is written by people: what is longer was generated, and is several servers. */
const longestBytes = 4_194_304;
/** Blocks within blocks; a configuration has about ten. */
const deepest = 100;
/** Keys, values, marks and spaces: about five for each key and its value. */
const mostTokens = 400_000;

/**
 * Refuses a text that would take minutes, or the whole stack, to parse. It is read token by token, and nothing is made of it.
 *
 * @throws {ConfigError} with the line where a limit is passed.
 */
export function checkYamlLimits(text: string, file: string): void {
  const bytes = Buffer.byteLength(text);
  if (bytes > longestBytes)
    throw new ConfigError([{ path: [], message: tooMuch(`${bytes} bytes`, longestBytes) }], file);
  const lines = new LineCounter();
  lines.addNewLine(0);
  const parser = new Parser(lines.addNewLine);
  const refuse = (message: string): ConfigError =>
    new ConfigError([{ path: [], message, line: lines.linePos(parser.offset).line }], file);
  let tokens = 0;
  for (const lexeme of new Lexer().lex(text)) {
    // The parser yields what it has finished, such as a comment: only its depth is of interest.
    for (const finished of parser.next(lexeme)) void finished;
    if (parser.stack.length > deepest) throw refuse(`more than ${deepest} blocks stand within each other`);
    if (++tokens > mostTokens) throw refuse(tooMuch(`more than ${mostTokens} tokens`, mostTokens));
  }
}

function tooMuch(found: string, most: number): string {
  return `the file has ${found}, and a configuration has at most ${most}: make several servers of it`;
}
