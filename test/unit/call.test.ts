import { expect } from 'chai';
import { Call, callFrom } from 'vivace';
import { requestIdOf } from '../../core/json/call-from-headers.js';

const fields = { requestId: 'r', signal: new AbortController().signal };

describe('Call', () => {
  it('is derived with what changes, and keeps the rest', () => {
    const caller = { id: 'tester' };
    const call = new Call({ ...fields, deadline: 5 }).derive({ caller, rows: 3 });
    const { requestId, signal, deadline, rows } = call.derive({ deadline: 7 });
    expect([requestId, signal, deadline, rows]).to.deep.equal(['r', fields.signal, 7, 3]);
    expect(call.derive({ requestId: 'other' }).caller).to.equal(caller);
  });

  it('asks for its signal once somebody needs it', () => {
    let asked = 0;
    const call = new Call({ requestId: 'r', signal: () => (asked++, fields.signal) });
    const derived = call.derive({ deadline: 1 });
    expect(asked).to.equal(0);
    expect([derived.signal, asked]).to.deep.equal([fields.signal, 1]);
  });

  it('ends after a time at the latest, and no later than before', () => {
    const before = performance.now();
    const { deadline } = new Call(fields).within(1_000);
    expect(deadline).to.be.within(before + 1_000, performance.now() + 1_000);
    expect(new Call({ ...fields, deadline: before }).within(1_000).deadline).to.equal(before);
  });

  it('has the id of its headers, or one of its own', () => {
    expect(callFrom({ 'x-request-id': 'a.b-c_1' }, fields.signal).requestId).to.equal('a.b-c_1');
    for (const id of ['', 'a b', 'x'.repeat(129)]) {
      expect(requestIdOf({ 'x-request-id': id })).to.equal(undefined);
      expect(callFrom({ 'x-request-id': id }, fields.signal).requestId).to.match(/^[0-9a-f-]{36}$/);
    }
  });
});
