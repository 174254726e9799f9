import { expect } from 'chai';
import { linksOf, type Link } from '../support/links.js';
import { blocksOf, readText, repositoryFiles } from '../support/repository.js';

const files = repositoryFiles();
const pages = files.filter((path) => path.endsWith('.md'));
const links: readonly Link[] = pages.flatMap((page) => linksOf(page, readText(page)));

describe('Links of the documentation', () => {
  it('lead to what exists', () => {
    const dead = links.filter(({ target }) => !exists(target));
    expect(dead.map(({ page, target }) => `${page}: ${target}`)).to.deep.equal([]);
  });

  it('name headings that exist', () => {
    const dead = links.filter((link) => exists(link.target) && !leads(link));
    expect(dead.map(({ page, target, anchor }) => `${page}: ${target}#${anchor}`)).to.deep.equal([]);
  });

  // The pages are also read in node_modules/vivace/docs.
  it('stay within what the package ships, where a page of docs has them', () => {
    const shipped = (JSON.parse(readText('package.json')) as { files: readonly string[] }).files;
    const isShipped = (target: string): boolean =>
      target === 'README.md' ||
      [...shipped].some((entry) => target === entry || target.startsWith(`${entry}/`));
    const leaving = links.filter(({ page, target }) => page.startsWith('docs/') && !isShipped(target));
    expect(leaving.map(({ page, target }) => `${page}: ${target}`)).to.deep.equal([]);
  });

  it('stand also where a comment of core says `@see docs/…`', () => {
    const found = files
      .filter((path) => /^core\/.*\.ts$/.test(path))
      .flatMap((path) =>
        [...readText(path).matchAll(/@see (docs\/[^\s#]+)(?:#(\S+))?/g)].map(([, target = '', anchor]) => ({
          page: path,
          target,
          anchor,
        })),
      );
    expect(found).to.have.length.above(0);
    expect(found.filter((link) => !leads(link))).to.deep.equal([]);
  });

  it('reach every page of docs from docs/README.md', () => {
    const reached = new Set(
      links.filter(({ page }) => page === 'docs/README.md').map(({ target }) => target),
    );
    const lost = pages.filter((page) => page.startsWith('docs/') && page !== 'docs/README.md');
    expect(lost.filter((page) => !reached.has(page))).to.deep.equal([]);
  });
});

describe('The check of links', () => {
  it('finds targets and headings, and none in code', () => {
    const text =
      'a [b](c.md#d-e), [f](#g) and [h](https://example.com)\n```md\n[i](j.md)\n```\n`[k](l.md)`\n';
    expect(linksOf('docs/x.md', text)).to.deep.equal([
      { page: 'docs/x.md', target: 'docs/c.md', anchor: 'd-e' },
      { page: 'docs/x.md', target: 'docs/x.md', anchor: 'g' },
    ]);
  });

  it('names headings as GitHub does', () => {
    expect(slug('What `vivace/kit` has')).to.equal('what-vivacekit-has');
    expect(slug('[CHANGELOG](x.md): 1 & 2')).to.equal('changelog-1--2');
  });
});

function exists(target: string): boolean {
  return files.some((path) => path === target || path.startsWith(`${target}/`));
}

function leads({ target, anchor }: Link): boolean {
  return exists(target) && (anchor === undefined || !target.endsWith('.md') || anchorsOf(target).has(anchor));
}

function anchorsOf(page: string): ReadonlySet<string> {
  const text = blocksOf(readText(page)).reduce((left, block) => left.replace(block.text, ''), readText(page));
  return new Set([...text.matchAll(/^#+ (.*)$/gm)].map(([, heading]) => slug(heading!)));
}

/** The anchor of a heading, by the rule of GitHub: lower case, punctuation dropped, spaces to hyphens. */
function slug(heading: string): string {
  return heading
    .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}_ -]/gu, '')
    .trim()
    .replaceAll(' ', '-');
}
