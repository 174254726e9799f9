import ts from 'typescript';
import { readText, repositoryFiles } from './repository.js';

/** One import of a module, however it is written. */
export interface Import {
  readonly file: string;
  readonly line: number;
  /** `undefined` where it is computed. */
  readonly specifier: string | undefined;
  /** Erased by the compiler. */
  readonly typeOnly: boolean;
}

/** The TypeScript files under a folder. */
export function sourcesUnder(folder: string): string[] {
  return repositoryFiles().filter((path) => path.startsWith(`${folder}/`) && path.endsWith('.ts'));
}

/** All imports of a file: static, re-exporting, dynamic, and in types. */
export function importsOf(file: string, text: string = readText(file)): Import[] {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest);
  const found: Import[] = [];

  function add(node: ts.Node, specifier: ts.Node | undefined, typeOnly: boolean): void {
    const line = source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1;
    const literal = specifier !== undefined && ts.isStringLiteralLike(specifier) ? specifier.text : undefined;
    found.push({ file, line, specifier: literal, typeOnly });
  }

  function visit(node: ts.Node): void {
    if (ts.isImportDeclaration(node))
      add(node, node.moduleSpecifier, node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword);
    else if (ts.isExportDeclaration(node) && node.moduleSpecifier !== undefined) {
      add(node, node.moduleSpecifier, node.isTypeOnly);
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      add(node, node.arguments[0], false);
    } else if (ts.isCallExpression(node) && isRequire(node.expression)) add(node, node.arguments[0], false);
    else if (ts.isImportTypeNode(node)) {
      add(node, ts.isLiteralTypeNode(node.argument) ? node.argument.literal : undefined, true);
    }
    ts.forEachChild(node, visit);
  }
  visit(source);
  return found;
}

function isRequire(expression: ts.Expression): boolean {
  return ts.isIdentifier(expression) && expression.text === 'require';
}
