import { VivaceError } from '../kernel/errors.js';

export type ConfigPath = readonly (string | number)[];

/** One mistake in a configuration. */
export interface Mistake {
  readonly path: ConfigPath;
  readonly message: string;
  /** Where it stands in the file, from 1. */
  readonly line?: number;
}

/** A line of a configuration file. */
export interface Place {
  /** As messages name it. */
  readonly file: string;
  /** From 1. */
  readonly line: number;
}

/** `parts.hot.path`, `steps[2].key`. */
export function pathText(path: ConfigPath): string {
  return path
    .map((segment, i) => (typeof segment === 'number' ? `[${segment}]` : i === 0 ? segment : `.${segment}`))
    .join('');
}

/** Reads back what `pathText` writes. */
function segmentsOf(path: string): ConfigPath {
  return path
    .split(/[.[\]]+/)
    .filter((segment) => segment !== '')
    .map((segment) => (/^\d+$/.test(segment) ? Number(segment) : segment));
}

/** Everything that is wrong with a configuration, in one error. */
export class ConfigError extends VivaceError {
  readonly mistakes: readonly Mistake[];
  /** The file that they are in, as messages name it; nothing for a configuration in code. */
  readonly file?: string;

  constructor(mistakes: readonly Mistake[], file?: string) {
    const lines = mistakes.map(({ path, message, line }) => {
      const place = [
        file === undefined ? undefined : line === undefined ? file : `${file}:${line}`,
        pathText(path),
      ];
      return `${place.filter((part) => part !== undefined && part !== '').join(' ')}: ${message}`;
    });
    super(
      'INVALID_CONFIG',
      lines.join('\n'),
      mistakes[0] === undefined ? {} : { path: pathText(mistakes[0].path) },
    );
    this.mistakes = mistakes;
    if (file !== undefined) this.file = file;
  }
}

/** Gathers mistakes, so that all of them are reported at once. */
export class Mistakes {
  readonly #list: Mistake[] = [];

  add(path: ConfigPath, message: string): void {
    this.#list.push({ path, message });
  }

  get list(): readonly Mistake[] {
    return this.#list;
  }

  /** Runs `work`; where it throws a `VivaceError` INVALID_CONFIG, that becomes a mistake under `path`. */
  attempt<T>(path: ConfigPath, work: () => T): T | undefined {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof VivaceError) || error.code !== 'INVALID_CONFIG') throw error;
      const inner = error.path === undefined ? [] : segmentsOf(error.path);
      this.add([...path, ...inner], error.message);
      return undefined;
    }
  }

  throwIfAny(): void {
    if (this.#list.length > 0) throw new ConfigError(this.#list);
  }
}
