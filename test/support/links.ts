import { blocksOf } from './repository.js';

/** A relative link of a page. */
export interface Link {
  readonly page: string;
  /** A path from the root. */
  readonly target: string;
  readonly anchor: string | undefined;
}

/** Relative links of a page outside of code, as paths from the root. */
export function linksOf(page: string, text: string): Link[] {
  const prose = blocksOf(text)
    .reduce((left, block) => left.replace(block.text, ''), text)
    .replaceAll(/`[^`\n]*`/g, '');
  return [...prose.matchAll(/\]\((?!https?:|mailto:)([^)#\s]*)(?:#([^)\s]+))?\)/g)].map(
    ([, path = '', anchor]) => ({
      page,
      target: path === '' ? page : new URL(path, `file:///${page}`).pathname.slice(1).replace(/\/$/, ''),
      anchor,
    }),
  );
}
