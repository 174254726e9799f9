import { modelRepository, onlyPart, repositoryAt, withServer, type Server } from 'vivace';
import { loadConfiguration } from './configuration.js';
import { defaultFile } from './options.js';
import type { Terminal } from './terminal.js';
import { UsageError } from './usage-error.js';

/** The options that say which repository a command is about. */
export interface WithRepository {
  readonly config?: string;
  readonly repository?: string;
  /** Instead of a configuration: a URL or a directory. */
  readonly from?: string;
  readonly to?: string;
}

/** Where the models are: what option says it, and for a push the kind of its model. */
interface Place {
  readonly option: 'from' | 'to';
  readonly kind?: string;
}

/** Runs `work` with a server that has the repository, which the configuration has or the URL names, and stops it. */
export async function withRepository<T>(
  options: WithRepository,
  { option, kind }: Place,
  terminal: Terminal,
  work: (server: Server, repository: string) => Promise<T>,
): Promise<T> {
  const place = options[option];
  const server = await (place === undefined
    ? loadConfiguration({ config: options.config ?? defaultFile }, terminal)
    : openPlace(place, options, { option, ...(kind === undefined ? {} : { kind }) }, terminal));
  return withServer(server, async () => {
    const repository = onlyPart(server, modelRepository, {
      wanted: options.repository,
      say: '--repository',
    });
    return work(server, repository);
  });
}

async function openPlace(
  place: string,
  { config, repository }: WithRepository,
  { option, kind }: Place,
  { directory }: Terminal,
): Promise<Server> {
  if (config !== undefined || repository !== undefined)
    throw new UsageError(
      `give either --${option} or ${config === undefined ? '--repository' : '--config'}: a place is a repository by itself`,
    );
  return repositoryAt(place, {
    option: `--${option}`,
    directory,
    ...(kind === undefined ? {} : { kind }),
  });
}
