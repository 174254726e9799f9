import { expect } from 'chai';
import { readText, repositoryFiles } from '../support/repository.js';

/** Every room: core, plugins and adapters, and each folder in them. */
const rooms = [
  ...new Set(
    repositoryFiles().flatMap((path) => {
      const [, top, name] = /^(core|plugins|adapters)\/([^/]+)\//.exec(path) ?? [];
      return top === undefined || name === undefined ? [] : [top, `${top}/${name}`];
    }),
  ),
];

describe('Rooms', () => {
  it('are found', () => {
    expect(rooms).to.include.members([
      'core',
      'core/kernel',
      'plugins/cache',
      'adapters',
      'adapters/command-line',
    ]);
  });

  for (const room of rooms) {
    it(`${room} has a README.md that says in some ten lines what it is`, () => {
      const text = repositoryFiles().includes(`${room}/README.md`) ? readText(`${room}/README.md`) : '';
      const lines = text.split('\n').filter((line) => line !== '');
      expect(lines[0]).to.equal(`# ${room}`);
      expect(lines.length).to.be.within(6, 20);
      // What it is comes first, before the files.
      expect(lines[1]).to.match(/^[^-*#[]/);
    });
  }

  for (const room of rooms.filter((name) => /^(plugins|adapters)\/./.test(name))) {
    it(`${room}/README.md says its errors, and where users read more`, () => {
      const text = readText(`${room}/README.md`);
      expect(text).to.include('**Errors.** ');
      expect(text).to.include(`(../../docs/${room}.md)`);
    });
  }
});
