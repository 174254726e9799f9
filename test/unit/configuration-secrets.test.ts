import { expect } from 'chai';
import { defineAdapter, keyValueStore, redact, secret } from 'vivace';
import { z } from 'zod';
import { codeMistakes } from '../support/configuration-folder.js';

describe('Configuration secrets', () => {
  const schema = z.strictObject({
    password: secret(),
    token: secret().min(8).optional(),
    login: z.strictObject({ key: secret().optional(), user: z.string() }).optional(),
    headers: z.record(z.string(), secret()).optional(),
    nodes: z.array(z.strictObject({ url: z.string(), password: secret() })).optional(),
    either: z
      .union([z.strictObject({ plain: z.string() }), z.strictObject({ password: secret() })])
      .optional(),
    url: z.string().optional(),
    urls: z.array(z.string()).optional(),
  });

  it('are hidden wherever they stand', () => {
    const shown = redact(schema, {
      password: 'p1',
      token: 'p2p2p2p2',
      login: { key: 'p3', user: 'u' },
      headers: { authorization: 'p4' },
      nodes: [{ url: 'x', password: 'p5' }],
      either: { password: 'p6' },
    });
    expect(JSON.stringify(shown)).not.to.match(/p\d/);
    expect(shown['login']).to.deep.equal({ key: '***', user: 'u' });
  });

  it('are hidden in URLs, with and without a user', () => {
    const shown = redact(schema, {
      password: 'x',
      url: 'redis://:hush@cache:6379/0',
      urls: ['mongodb+srv://me:hush@a', 'amqp://me:hush@a,amqp://me:hush@b', 'http://plain:80/@x'],
    });
    expect(shown['url']).to.equal('redis://:***@cache:6379/0');
    expect(shown['urls']).to.deep.equal([
      'mongodb+srv://me:***@a',
      'amqp://me:***@a,amqp://me:***@b',
      'http://plain:80/@x',
    ]);
  });

  it('do not stand in the message of a mistake', async () => {
    const vault = defineAdapter({
      provides: keyValueStore,
      name: 'vault',
      options: z.strictObject({ password: secret().max(4), size: z.number() }),
      create: () => ({ supports: { maxBatch: 1 }, getMany: () => [], putNewest: () => [] }),
    });
    const found = await codeMistakes({
      parts: { v: { use: vault, password: 'hush-hush', size: 'hush-hush' } },
    });
    expect(found).to.have.length(2);
    expect(found.join()).not.to.contain('hush');
  });
});
