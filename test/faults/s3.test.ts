import { openssl } from '../servers/certificates.js';
import { defineFaults } from '../servers/faults.js';
import { versitygw } from '../servers/s3-server.js';
import { describeNeeding } from '../servers/programs.js';
import { closeS3, s3Faults, openS3 } from './s3.js';

describeNeeding([versitygw, openssl], 's3', () => {
  before(openS3);
  after(closeS3);
  defineFaults(s3Faults);
});
