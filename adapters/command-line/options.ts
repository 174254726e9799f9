// The commands are listed and described with this file alone: nothing here imports core.

/** The configuration of a command where none is named. */
export const defaultFile = 'vivace.yaml';

/** The option that every command with a configuration has. */
export interface WithConfig {
  readonly config: string;
}

/** The option of every command that reports. */
export interface WithJson {
  readonly json?: true | undefined;
}
