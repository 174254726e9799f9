import { VivaceError } from 'vivace';

/** What ends the work on a request whose peer has left. */
export function peerGone(): VivaceError {
  return new VivaceError('CANCELLED', 'the peer went away');
}
