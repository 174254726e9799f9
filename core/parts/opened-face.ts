import { members } from './members.js';

type Method = (...args: unknown[]) => unknown;

/** What an operation with `opens` answers. */
export type OpenedResource = AsyncDisposable & Readonly<Record<string, unknown>>;

/** A face of what an operation opened: guarded methods, which are refused once it is closed; it is closed once. */
export function openedFace(
  resource: OpenedResource,
  {
    guard,
    refused,
    close,
  }: {
    readonly guard: (method: Method) => Method;
    readonly refused: (method: string) => Error;
    readonly close: () => Promise<void>;
  },
): AsyncDisposable {
  let closed: Promise<void> | undefined;
  const face: AsyncDisposable & Record<string, unknown> = {
    [Symbol.asyncDispose]: () => (closed ??= close()),
  };
  for (const [name, value] of members(resource)) {
    if (typeof value !== 'function') {
      Object.defineProperty(face, name, { get: () => resource[name], enumerable: true });
      continue;
    }
    const call = guard((...args) => (resource[name] as Method)(...args));
    face[name] = (...args: unknown[]) => {
      if (closed !== undefined) throw refused(name);
      return call(...args);
    };
  }
  return face;
}
