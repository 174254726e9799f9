import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The repository's root; tests run from `dist/test/<kind>/`. */
export const root = join(dirname(fileURLToPath(import.meta.url)), '../../..');

/** The text of a file of the repository. */
export function readText(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

let known: readonly string[] | undefined;

/** Files that git keeps or would keep, relative to the root, in order. */
export function repositoryFiles(): readonly string[] {
  known ??= execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '--deduplicate'], {
    cwd: root,
    encoding: 'utf8',
  })
    .split('\n')
    .filter((path) => path !== '' && path !== 'node_modules')
    .sort();
  return known;
}

/** A fenced block of a Markdown page: its info string's words, its text, and the line of its first line. */
export interface Block {
  readonly language: string;
  readonly words: readonly string[];
  readonly text: string;
  readonly line: number;
}

/** The fenced blocks of a Markdown text. */
export function blocksOf(markdown: string): Block[] {
  return [...markdown.matchAll(/^(`{3,})([^\n`]*)\n([\s\S]*?)^\1 *$/gm)].map((match) => {
    const [language = '', ...words] = (match[2] as string).trim().split(/\s+/);
    return {
      language,
      words,
      text: match[3] as string,
      line: markdown.slice(0, match.index).split('\n').length + 1,
    };
  });
}

/** The blocks of a page that name a file after their language, by that name. */
export function filesOf(page: string): ReadonlyMap<string, string> {
  const named = blocksOf(readText(page)).filter(({ words }) => words.length > 0);
  return new Map(named.map(({ words, text }) => [words[0] as string, text]));
}
