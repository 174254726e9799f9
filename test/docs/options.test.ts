import { expect } from 'chai';
import { resolveUse } from 'vivace';
import { optionsTable } from '../support/options-table.js';
import { builtInNames } from '../../core/composition/resolve-use.js';
import { generatedPages, regenerate } from '../support/generated-docs.js';
import { operationKeys, portsReference } from '../support/ports-reference.js';
import { readText, root } from '../support/repository.js';

describe('Generated tables', () => {
  for (const page of generatedPages()) {
    it(`${page} has the tables that the schemas give (npm run docs)`, async () => {
      const text = readText(page);
      expect(text).to.equal(await regenerate(text));
    });
  }

  for (const name of builtInNames()) {
    it(`a page has the options of ${name}`, () => {
      expect(generatedPages().some((page) => readText(page).includes(`<!-- options:${name} -->`))).to.equal(
        true,
      );
    });
  }

  it('say name, type, default and text of each option', async () => {
    const table = optionsTable(await resolveUse('express', root));
    expect(table).to.include('| `port` | integer | `8080` | port to listen on; 0 takes any free one |');
  });

  it('list slots, with the port they want', async () => {
    const table = optionsTable(await resolveUse('online-store', root));
    expect(table).to.include('| `store` | a part | required | the name of a key-value-store part |');
  });

  it('tell each operation of a port, how the guard treats it, and what it promises', async () => {
    const text = await portsReference();
    expect(text).to.include('### KeyValueStore\n\nA store of small binary values by key');
    expect(text).to.include('- Contract: [`keyValueStoreContract`](testing.md#contracts)');
    expect(text).to.include(
      '**`getMany`** (`batch`, `coalesce`, `breaker`)\n\n`getMany(keys: readonly string[], ',
    );
    expect(text).to.include('- Throws: `PartialFailure` where some keys could not be read');
    expect(text).to.include("**`setMany`** (`batch`, `merge: 'none'`, `breaker`)");
  });

  it('tell every key of a table of operations', () => {
    for (const key of ['batch', 'merge', 'coalesce', 'sync', 'returns', 'breaker', 'quiet'])
      expect(operationKeys()).to.include(`| \`${key}\` | `);
  });
});
