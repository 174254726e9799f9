import { builtinModules } from 'node:module';
import typescript from 'typescript-eslint';

/** Plugins do no I/O of their own and hold no clock: they get both from `context` and from the parts in their slots. */
const pureModules = ['crypto', 'buffer'];
const impureModules = builtinModules.filter((name) => !pureModules.includes(name.replace(/^node:/, '')));
const ambient =
  'process fetch console performance setTimeout setInterval setImmediate clearTimeout clearInterval clearImmediate WebSocket XMLHttpRequest EventSource BroadcastChannel Worker globalThis global'.split(
    ' ',
  );

export default typescript.config(
  {
    ignores: [
      'dist/**',
      'node_modules/**',
      'test/types/**', // test/architecture/types.test.ts compiles these
      'coverage/**',
      'vendor/**',
      '**/data/**/*.js',
      '**/*.d.ts',
      '.venv/**',
    ],
  },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  {
    files: ['**/*.ts'],
    ignores: ['test/types/**'],
    extends: [typescript.configs.strictTypeChecked, typescript.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { project: './tsconfig.json', tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/explicit-module-boundary-types': 'error',
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/parameter-properties': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/only-throw-error': 'error',
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true, allowNullish: true },
      ],
      // `return fail(…)` leaves early in one line.
      '@typescript-eslint/no-confusing-void-expression': 'off',
      'no-restricted-syntax': [
        'error',
        { selector: 'TSEnumDeclaration', message: 'Use a union of strings or a constant object.' },
        { selector: 'TSModuleDeclaration[kind="namespace"]', message: 'Use a module.' },
        { selector: 'ExportDefaultDeclaration', message: 'Export by name.' },
      ],
      eqeqeq: 'error',
      'no-console': 'error',
      'prefer-const': 'error',
      // An index that is known to be inside an array is read with `as` or `!`: a check there would be dead code on a hot path.
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/non-nullable-type-assertion-style': 'off',
      // An operation may answer at once or later; one that never awaits may still be `async` to turn a throw into a rejection.
      '@typescript-eslint/require-await': 'off',
      // What a signal or a field says may have changed across an `await`; the rule does not see that.
      '@typescript-eslint/no-unnecessary-condition': 'off',
      '@typescript-eslint/dot-notation': ['error', { allowIndexSignaturePropertyAccess: true }],
      '@typescript-eslint/no-generated-empty-object-type': 'off',
      // A port's own name for a type parameter that stands once documents the signature.
      '@typescript-eslint/no-unnecessary-type-parameters': 'off',
      '@typescript-eslint/unified-signatures': 'off',
      '@typescript-eslint/no-invalid-void-type': 'off',
      // Decorated classes and holders of one static idea exist.
      '@typescript-eslint/no-extraneous-class': 'off',
      '@typescript-eslint/no-confusing-non-null-assertion': 'off',
      '@typescript-eslint/no-dynamic-delete': 'off',
      '@typescript-eslint/no-meaningless-void-operator': 'off',
    },
  },
  {
    files: ['plugins/**/*.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          paths: impureModules
            .flatMap((name) => [name, `node:${name.replace(/^node:/, '')}`])
            .map((name) => ({
              name,
              message: 'A plugin does no I/O of its own: take it from a slot or from `context`.',
            })),
        },
      ],
      'no-restricted-globals': [
        'error',
        ...ambient.map((name) => ({
          name,
          message: 'A plugin has no ambient I/O, timer or clock: use `context`.',
        })),
      ],
      'no-restricted-properties': [
        'error',
        { object: 'Date', property: 'now', message: 'Use `context.clock.now()`.' },
        {
          object: 'AbortSignal',
          property: 'timeout',
          message: 'Use `context.delay` or the signal of the call.',
        },
      ],
      'no-restricted-syntax': [
        'error',
        {
          selector: 'NewExpression[callee.name="Date"][arguments.length=0]',
          message: 'Use `context.clock.now()`.',
        },
        { selector: 'ImportExpression', message: 'A plugin loads nothing by itself.' },
        { selector: 'TSEnumDeclaration', message: 'Use a union of strings or a constant object.' },
        { selector: 'ExportDefaultDeclaration', message: 'Export by name.' },
      ],
    },
  },
  {
    files: ['adapters/command-line/**/*.ts', 'examples/**/*.ts', 'test/**/*.ts'],
    rules: { 'no-console': 'off' },
  },
  {
    files: ['test/**/*.ts'],
    rules: {
      // chai's assertions are expressions, and a test may reach for what a type forbids.
      '@typescript-eslint/no-unused-expressions': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      '@typescript-eslint/no-empty-function': 'off',
    },
  },
);
