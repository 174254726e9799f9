import { openssl } from '../servers/certificates.js';
import { defineFaults } from '../servers/faults.js';
import { fakeGcs } from '../servers/gcs-server.js';
import { describeNeeding } from '../servers/programs.js';
import { closeGcs, gcsFaults, openGcs } from './gcs.js';

describeNeeding([fakeGcs, openssl], 'gcs', () => {
  before(openGcs);
  after(closeGcs);
  defineFaults(gcsFaults);
});
