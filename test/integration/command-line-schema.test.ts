import { expect } from 'chai';
import { givenProject } from '../support/command-line.js';

describe('vivace schema', () => {
  const { project, given } = givenProject();

  it('prints a JSON Schema', async () => {
    await given({});
    const { stdout } = await project.vivace(['schema']);
    expect(JSON.parse(stdout)).to.include({ $schema: 'https://json-schema.org/draft/2020-12/schema' });
  });
});
