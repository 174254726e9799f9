import { dirname, join } from 'node:path';
import ts from 'typescript';
import { readText, root } from './repository.js';

export interface Diagnostic {
  readonly file: string;
  /** From 0. */
  readonly line: number;
  readonly message: string;
}

/** The repository's own compiler options, without output. `vivace` resolves to the declarations in `dist/`, as for a user. */
export function compilerOptions(): ts.CompilerOptions {
  const { config } = ts.parseConfigFileTextToJson('tsconfig.json', readText('tsconfig.json')) as {
    config: { compilerOptions: object };
  };
  const { options, errors } = ts.convertCompilerOptionsFromJson(config.compilerOptions, root);
  if (errors.length > 0)
    throw new Error(
      errors.map((error) => ts.flattenDiagnosticMessageText(error.messageText, '\n')).join('\n'),
    );
  const {
    outDir: _outDir,
    rootDir: _rootDir,
    declaration: _declaration,
    sourceMap: _sourceMap,
    ...rest
  } = options;
  return { ...rest, noEmit: true };
}

/** Type-checks texts as if they were files of the repository. @param texts By absolute path. */
export function compileTexts(texts: ReadonlyMap<string, string>): Diagnostic[] {
  if (texts.size === 0) return [];
  const options = compilerOptions();
  const host = ts.createCompilerHost(options);
  const onDisk = { ...host };
  const folders = new Set([...texts.keys()].map((path) => dirname(path)));
  host.directoryExists = (path) => folders.has(path) || onDisk.directoryExists?.(path) !== false;
  host.fileExists = (path) => texts.has(path) || onDisk.fileExists(path);
  host.readFile = (path) => texts.get(path) ?? onDisk.readFile(path);
  host.getSourceFile = (path, version, ...rest) => {
    const text = texts.get(path);
    return text === undefined
      ? onDisk.getSourceFile(path, version, ...rest)
      : ts.createSourceFile(path, text, version);
  };
  return diagnose(ts.createProgram([...texts.keys()], options, host));
}

/** Type-checks files of the repository. */
export function compileFiles(paths: readonly string[]): Diagnostic[] {
  return diagnose(
    ts.createProgram(
      paths.map((path) => join(root, path)),
      compilerOptions(),
    ),
  );
}

function diagnose(program: ts.Program): Diagnostic[] {
  return ts.getPreEmitDiagnostics(program).map(({ file, start, messageText }) => ({
    file: file?.fileName ?? '',
    line: file?.getLineAndCharacterOfPosition(start ?? 0).line ?? 0,
    message: ts.flattenDiagnosticMessageText(messageText, '\n'),
  }));
}
