import { expect } from 'chai';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { repositoryFiles, root } from '../support/repository.js';

/** Files that may be larger than `largestBytes`, and why. */
const largeFiles: readonly RegExp[] = [
  // The trained model of the example that `npm start` runs.
  /^examples\/flights\/models\/.*\.onnx$/,
];
const largestBytes = 300_000;

describe('Repository', () => {
  it('holds no large files but those listed', () => {
    const large = repositoryFiles()
      .filter((path) => existsSync(join(root, path)) && statSync(join(root, path)).size > largestBytes)
      .filter((path) => !largeFiles.some((pattern) => pattern.test(path)));
    expect(large).to.deep.equal([]);
  });

  it('holds the committed model within 5 MB', () => {
    const models = repositoryFiles().filter((path) => largeFiles.some((pattern) => pattern.test(path)));
    const large = models.filter((path) => statSync(join(root, path)).size > 5_000_000);
    expect(large).to.deep.equal([]);
  });

  it('has no `any` in what core exports', () => {
    const files = declarations(join(root, 'dist/core'));
    expect(files).to.have.length.above(10);
    const found = files.flatMap((file) => {
      const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest);
      const places: string[] = [];
      const visit = (node: ts.Node): void => {
        if (node.kind === ts.SyntaxKind.AnyKeyword) {
          const { line } = source.getLineAndCharacterOfPosition(node.getStart(source));
          places.push(`${file.slice(root.length + 1)}:${line + 1}`);
        }
        ts.forEachChild(node, visit);
      };
      visit(source);
      return places;
    });
    expect(found).to.deep.equal([]);
  });
});

function declarations(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.d.ts'))
    .map((path) => join(folder, path));
}
