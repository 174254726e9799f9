import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { generatedPages, regenerate } from '../support/generated-docs.js';
import { readText, root } from '../support/repository.js';

for (const page of generatedPages()) {
  const before = readText(page);
  const after = await regenerate(before);
  if (after === before) continue;
  writeFileSync(join(root, page), after);
  console.log(page);
}
