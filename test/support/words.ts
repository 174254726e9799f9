/** A pattern that a native engineer stumbles over, and what to write instead. */
interface Rule {
  readonly pattern: RegExp;
  readonly instead: string;
}

/** The worst patterns of docs/style.md. Each is looked for in single lines. */
const rules: readonly Rule[] = [
  {
    // "There is no …", "are there no …" and "no longer" are English; "is no float32" is not.
    pattern: /(?<!\bthere )\b(?:is|are|was|were) no(?= |$)(?! (?:longer|more|less|better|worse)\b)/i,
    instead: '"is not a …" or "are not …"',
  },
  { pattern: /\bwhoever\b/i, instead: 'who it is: the caller, the writer, a process' },
  { pattern: /\b(?:he|his|him)\b/i, instead: '"they", "it", "the caller" or "you"' },
  { pattern: /\bdriver ports?\b|\bdriverPort\b/i, instead: '"adapter port"' },
  { pattern: /\bcapability ports?\b|\bcapabilityPort\b/i, instead: '"plugin port"' },
  { pattern: /\b(?:some|any|no)thing else than\b/i, instead: '"something other than"' },
  {
    pattern: /\ba (?:online|offline|int32|int64|array|object|adapter|option|instance|error|event)\b/i,
    instead: 'the article "an"',
  },
];

/** What is wrong with the words of a file, one line each: `file:line: "is no": write …`. */
export function wordMistakes(file: string, text: string): string[] {
  return text.split('\n').flatMap((line, i) =>
    rules.flatMap(({ pattern, instead }) => {
      const found = pattern.exec(line)?.[0];
      return found === undefined ? [] : [`${file}:${i + 1}: "${found}": write ${instead}`];
    }),
  );
}
