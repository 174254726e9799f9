import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { program } from './programs.js';

/** What `makeCertificates` needs. */
export const openssl = program('openssl');

export interface Certificates {
  /** Holds `ca.pem`, `cert.pem`, `key.pem`, `client.pem`, `client-key.pem` and, of another authority, `other-ca.pem`. */
  readonly directory: string;
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  readonly clientCert: string;
  readonly clientKey: string;
  readonly otherCa: string;
  remove(): void;
}

/** An authority, a certificate for localhost and 127.0.0.1 and one for a client, signed by it, and another authority; PEM. */
export function makeCertificates(): Certificates {
  const directory = mkdtempSync(join(tmpdir(), 'vivace-certificates-'));
  const run = (...args: string[]): void => {
    execFileSync('openssl', args, { cwd: directory, stdio: 'pipe' });
  };
  const authority = (name: string): void =>
    run('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2',
      '-subj', `/CN=Vivace test ${name}`, '-keyout', `${name}-key.pem`, '-out', `${name}.pem`); // prettier-ignore
  const signed = (name: string, subject: string, extensions: string): void => {
    writeFileSync(join(directory, `${name}.ext`), extensions);
    run('req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', `/CN=${subject}`,
      '-keyout', `${name}-key.pem`, '-out', `${name}.csr`); // prettier-ignore
    run('x509', '-req', '-in', `${name}.csr`, '-CA', 'ca.pem', '-CAkey', 'ca-key.pem', '-CAcreateserial',
      '-days', '2', '-extfile', `${name}.ext`, '-out', `${name}.pem`); // prettier-ignore
  };
  authority('ca');
  authority('other-ca');
  signed('cert', 'localhost', 'subjectAltName=DNS:localhost,IP:127.0.0.1\n');
  signed('client', 'client', 'extendedKeyUsage=clientAuth\n');
  const read = (name: string): string => readFileSync(join(directory, name), 'utf8');
  return {
    directory,
    ca: read('ca.pem'),
    cert: read('cert.pem'),
    key: read('cert-key.pem'),
    clientCert: read('client.pem'),
    clientKey: read('client-key.pem'),
    otherCa: read('other-ca.pem'),
    remove: () => rmSync(directory, { recursive: true }),
  };
}
