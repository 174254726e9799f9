import type { CallContext } from '../kernel/call.js';
import type { ControlPlane } from './control-plane.js';
import type { DataPlane } from './data-plane.js';
import { pluginPort } from './port.js';

/** A server as transports see it. */
export interface Planes {
  readonly data: DataPlane;
  readonly control: ControlPlane;
}

/** A protocol over a server. Transports start last and are drained first. */
export interface Transport {
  /** Called once, after everything else has started: from now on callers may be answered. */
  serve(planes: Planes, context: CallContext): void | Promise<void>;
}

export const transport = pluginPort<Transport>('transport', { serve: {} });
