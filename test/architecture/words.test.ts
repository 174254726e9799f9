import { expect } from 'chai';
import { readText, repositoryFiles } from '../support/repository.js';
import { wordMistakes } from '../support/words.js';

/** Messages, comments and docs, without the page of style, which quotes what it refuses. */
const files = repositoryFiles().filter(
  (path) =>
    path !== 'docs/style.md' &&
    (/^(?:core|plugins|adapters|examples)\/.*\.(?:ts|js|mjs|md)$/.test(path) ||
      /^(?:docs\/.*|README|CONTRIBUTING|CHANGELOG)(?:\.md)$/.test(path)),
);

describe('Words of messages, comments and docs', () => {
  it('are as docs/style.md asks', () => {
    expect(files.length).to.be.greaterThan(300);
    expect(files.flatMap((file) => wordMistakes(file, readText(file)))).to.deep.equal([]);
  });

  // The rule itself, on texts that break it.
  const broken: [string, string][] = [
    ['`"wide" is no float32`', '"is no": write "is not a …" or "are not …"'],
    ['// an object with that method is no', '"is no": write "is not a …" or "are not …"'],
    ['Whoever asks shares it', '"Whoever": write who it is: the caller, the writer, a process'],
    ['the bytes that he has read', '"he": write "they", "it", "the caller" or "you"'],
    ['It implements a driver port', '"driver port": write "adapter port"'],
    ["import { capabilityPort } from './port.js'", '"capabilityPort": write "plugin port"'],
    ['the name of a online-store part', '"a online": write the article "an"'],
    ['it holds something else than bytes', '"something else than": write "something other than"'],
  ];
  for (const [text, message] of broken) {
    it(`refuse: ${text}`, () => {
      expect(wordMistakes('docs/x.md', `fine\n${text}`)).to.deep.equal([`docs/x.md:2: ${message}`]);
    });
  }

  const fine = [
    'there is no part "hot"',
    'There are no null arrays',
    'the caller is no longer there',
    'the helper, this, the',
    'an online-store part',
    'a driver reports it',
  ];
  for (const text of fine) {
    it(`take: ${text}`, () => {
      expect(wordMistakes('docs/x.md', text)).to.deep.equal([]);
    });
  }
});
