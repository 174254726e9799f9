/** What a kind of name may be made of: a pattern, and the same in words for a message. */
export interface NameRule {
  readonly pattern: RegExp;
  readonly text: string;
}

/** Parts: a name is also a label of metrics. */
export const partNames: NameRule = {
  pattern: /^[A-Za-z][A-Za-z0-9_-]{0,62}$/,
  text: '1 to 63 letters, digits, _ and -, starting with a letter',
};

/** Views, columns, features, fields and steps: they become part of `alias.feature`. */
export const columnNames: NameRule = {
  pattern: /^[A-Za-z_][A-Za-z0-9_]{0,99}$/,
  text: '1 to 100 letters, digits and _, not starting with a digit',
};

/** Pipelines, models, their versions and aliases: they are part of URLs and of keys of blobs. */
export const pathNames: NameRule = {
  pattern: /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/,
  text: '1 to 100 letters, digits, ., _ and -, starting with a letter or digit',
};

/** Adapters and plugins: kebab-case, as their folders and packages are. */
export const definitionNames: NameRule = {
  pattern: /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/,
  text: 'kebab-case: lower-case letters, digits and single hyphens',
};

/** A caller's ids for requests: they are repeated in headers and logs. */
export const requestIds: NameRule = {
  pattern: /^[A-Za-z0-9._-]{1,128}$/,
  text: '1 to 128 letters, digits, ., _ and -',
};

/** Says that something cannot have a name: `"my part" cannot be the name of a part: …`. */
export function wrongName(name: string, thing: string, { text }: NameRule): string {
  return `"${name}" cannot be the name of a ${thing}: a name has ${text}`;
}
