import { bigqueryEmulator } from '../servers/bigquery-server.js';
import { openssl } from '../servers/certificates.js';
import { defineFaults } from '../servers/faults.js';
import { describeNeeding } from '../servers/programs.js';
import { bigqueryFaults, cleanUpBigquery, prepareBigquery } from './bigquery.js';

describeNeeding([bigqueryEmulator, openssl], 'bigquery', () => {
  before(prepareBigquery);
  after(cleanUpBigquery);
  defineFaults(bigqueryFaults);
});
