import { expect } from 'chai';
import { repositoryAt } from 'vivace';
import { failureOf } from '../support/failure.js';

describe('Operations: a repository at a place', () => {
  for (const [place, said] of [
    ['', /^INVALID_ARGUMENT to: is empty/],
    ['ftp://bucket/x', /^INVALID_ARGUMENT to: "ftp:\/\/bucket\/x" is not a place for models/],
    ['gs://bucket/%zz', /^INVALID_ARGUMENT to: "gs:\/\/bucket\/%zz" is not a place for models/],
    ['gs://', /^INVALID_ARGUMENT to: /],
    ['s3://bucket?nope=1', /^INVALID_CONFIG .*unknown key "nope"/],
  ] as const)
    it(`takes no repository at "${place}"`, async () => {
      expect(await failureOf(repositoryAt(place, { option: 'to' }))).to.match(said);
    });

  it('makes parts of URLs', async () => {
    for (const [place, part] of [
      [
        'gs://my_bucket/a/b/?maxSockets=3&anonymous=true',
        { bucket: 'my_bucket', prefix: 'a/b/', maxSockets: 3, anonymous: true },
      ],
      ['s3://models?region=eu-central-1', { bucket: 'models', region: 'eu-central-1' }],
      ['./models', { path: './models' }],
    ] as const) {
      const made = await repositoryAt(place, { option: 'to' });
      const { options } = made.bindings.find(({ name }) => name === 'blobs')!;
      expect(options).to.deep.include(part);
      await made.stop();
    }
  });
});
