import type * as sdk from 'redis';
import type { Node, Settings } from './settings.js';

type Sdk = typeof sdk;

/** What the SDK's three kinds of client have in common. */
export interface Client {
  /** @param key Tells a cluster which server the command is for. */
  readonly send: (key: string, args: sdk.RedisArgument[]) => Promise<unknown>;
  readonly connect: () => Promise<unknown>;
  /** Call it even while the client connects: the SDK goes on with an attempt that is under way. */
  readonly destroy: () => void | Promise<void>;
}

/** Is told how the connections are. */
export interface Watcher {
  readonly ready: (where: string) => void;
  readonly lost: (where: string, error: unknown) => void;
}

/** Makes the client for a single server, a cluster or a master behind sentinels. It is not connected. */
export function makeClient(sdk: Sdk, settings: Settings, watcher: Watcher): Client {
  const kinds = { single, cluster, sentinel };
  return kinds[settings.kind](sdk, settings, watcher);
}

/** Values come as buffers. The SDK would set a timer for each command, only to take out of its queue those that it has not sent. */
const commandOptionsOf = ({ RESP_TYPES }: Sdk) => ({
  timeout: 0,
  typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer },
});

function single(sdk: Sdk, { client: common, socket, nodes, address }: Settings, watcher: Watcher): Client {
  const client = sdk.createClient({
    ...common,
    socket: { ...socket, ...nodes[0] },
    commandOptions: commandOptionsOf(sdk),
  });
  let destroyed = false;
  const destroy = (): void => {
    destroyed = true;
    client.destroy();
  };
  client
    .on('error', (error) => watcher.lost(address, error))
    .on('connect', () => destroyed && destroy())
    .on('ready', () => watcher.ready(address));
  return {
    send: async (_key, args) => client.sendCommand(args),
    connect: async () => client.connect(),
    destroy,
  };
}

function cluster(sdk: Sdk, { client: common, socket, nodes, address }: Settings, watcher: Watcher): Client {
  const client = sdk.createCluster({
    rootNodes: nodes.map((node) => ({ socket: node })),
    defaults: { ...common, socket },
    commandOptions: commandOptionsOf(sdk),
    // A server that is away for a second may have been replaced by its replica.
    topologyRefreshOnReconnectionAttemptStrategy: 1000,
  });
  let destroyed = false;
  const destroy = (): void => {
    destroyed = true;
    client.destroy();
  };
  const nameOf = ({ host, port }: Node): string => `${host}:${port}`;
  client
    .on('error', (error) => watcher.lost(address, error))
    .on('connect', () => watcher.ready(address))
    .on('node-error', (error: unknown, node: Node) => watcher.lost(nameOf(node), error))
    .on('node-connect', () => destroyed && destroy())
    .on('node-ready', (node: Node) => watcher.ready(nameOf(node)));
  return {
    send: async (key, args) => client.sendCommand(key, false, args),
    connect: async () => client.connect(),
    destroy,
  };
}

function sentinel(sdk: Sdk, settings: Settings, watcher: Watcher): Client {
  const { client: common, socket, nodes, address, sentinel: given } = settings;
  const { name, username, password } = given!;
  const client = sdk.createSentinel({
    name,
    sentinelRootNodes: [...nodes],
    nodeClientOptions: { ...common, socket },
    sentinelClientOptions: {
      socket,
      pingInterval: common.pingInterval!,
      ...(username === undefined ? {} : { username }),
      ...(password === undefined ? {} : { password }),
    },
    passthroughClientErrorEvents: true,
    // Seconds for which it looks for a master before it says that there is none.
    maxCommandRediscovers: 1,
    scanInterval: 10_000,
    commandOptions: commandOptionsOf(sdk),
  });
  client.on('error', (error) => watcher.lost(address, error)).on('ready', () => watcher.ready(address));
  return {
    send: async (_key, args) => client.sendCommand(false, args),
    connect: async () => client.connect(),
    destroy: async () => client.destroy(),
  };
}
