import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import ts from 'typescript';
import { compilerOptions } from './compile-texts.js';
import { filesOf, root } from './repository.js';

/** Writes the blocks of a page that name a file into a new folder. */
export function writeFiles(page: string, wanted: (name: string) => boolean = () => true): string {
  const folder = mkdtempSync(join(tmpdir(), 'vivace-guide-'));
  for (const [name, text] of filesOf(page)) if (wanted(name)) writeFileSync(join(folder, name), text);
  return folder;
}

export function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
}

/**
 * Compiles the TypeScript blocks of a page that name a file, within the package so that `vivace` is this one.
 *
 * @returns Their folder.
 */
export function compilePage(page: string): string {
  const folder = join(root, 'dist/docs', basename(page, '.md'));
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of filesOf(page)) {
    if (!name.endsWith('.ts')) continue;
    const { outputText } = ts.transpileModule(text, {
      compilerOptions: { ...compilerOptions(), module: ts.ModuleKind.ESNext },
      fileName: name,
    });
    writeFileSync(join(folder, name.replace(/\.ts$/, '.js')), outputText);
  }
  return folder;
}

/** Runs a TypeScript block of a page, and gives what it exports. */
export async function importBlock(page: string, name: string): Promise<Record<string, never>> {
  const file = join(compilePage(page), name.replace(/\.ts$/, '.js'));
  return (await import(pathToFileURL(file).href)) as Record<string, never>;
}
