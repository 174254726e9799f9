import { openssl } from '../servers/certificates.js';
import { couchbaseMock } from '../servers/couchbase-server.js';
import { defineFaults } from '../servers/faults.js';
import { describeNeeding } from '../servers/programs.js';
import { cleanUpCouchbase, couchbaseFaults, prepareCouchbase } from './couchbase.js';

describeNeeding([...couchbaseMock, openssl], 'couchbase', () => {
  before(prepareCouchbase);
  after(cleanUpCouchbase);
  defineFaults(couchbaseFaults);
});
