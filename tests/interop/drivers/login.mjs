// How the official TypeScript client gets access tokens; see login.py.

import {
    ClientCredentialsProvider,
    CrossAppAccessProvider,
    DpopSession,
    StreamableHTTPClientTransport,
    UnauthorizedError
} from '@modelcontextprotocol/client';

import { Person, comingBack } from './person.mjs';

const PersonsTransport = comingBack(StreamableHTTPClientTransport, UnauthorizedError, (transport, callback) =>
    transport.finishAuth(callback)
);

export function transportWithLogin(url, login) {
    if (login.grant === 'code') {
        const person = new Person(login);
        if (login.dpop) {
            const session = DpopSession.create();
            person.dpop = () => session;
        }
        return new PersonsTransport(url, person);
    }
    const { client_id: clientId, client_secret: clientSecret, issuer: expectedIssuer, scope } = login;
    const own = { clientId, clientSecret, expectedIssuer, scope };
    const authProvider =
        login.grant === 'client_credentials'
            ? new ClientCredentialsProvider(own)
            : new CrossAppAccessProvider({ ...own, assertion: async () => login.assertion });
    return new StreamableHTTPClientTransport(url, { authProvider });
}
