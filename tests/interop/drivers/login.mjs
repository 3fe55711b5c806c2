// How the official TypeScript client gets access tokens; see login.py.

import {
    ClientCredentialsProvider,
    CrossAppAccessProvider,
    DpopSession,
    StreamableHTTPClientTransport,
    UnauthorizedError
} from '@modelcontextprotocol/client';

const CALLBACK = 'http://127.0.0.1:9/callback';
const MOST_VISITS = 2;

// A program that a person uses, and the browser in which somebody is logged in and approves.
class Person {
    redirectUrl = CALLBACK;
    clientMetadata = {
        redirect_uris: [CALLBACK],
        client_name: 'interop',
        grant_types: ['authorization_code', 'refresh_token'],
        token_endpoint_auth_method: 'none'
    };

    constructor({ client, tokens, document, dpop }) {
        this.client = client;
        this.saved = tokens;
        this.clientMetadataUrl = document;
        if (dpop) {
            const session = DpopSession.create();
            this.dpop = () => session;
        }
    }

    clientInformation() { return this.client; }
    saveClientInformation(client) { this.client = client; }
    tokens() { return this.saved; }
    saveTokens(tokens) { this.saved = tokens; }
    codeVerifier() { return this.verifier; }
    saveCodeVerifier(verifier) { this.verifier = verifier; }
    discoveryState() { return this.discovered; }
    saveDiscoveryState(discovered) { this.discovered = discovered; }

    async redirectToAuthorization(url) {
        const response = await fetch(url, { redirect: 'manual' });
        this.callback = new URL(response.headers.get('location')).searchParams;
    }
}

// Finishes a login where the client leaves that to the application, and sends the message again.
class PersonsTransport extends StreamableHTTPClientTransport {
    constructor(url, person) {
        super(url, { authProvider: person });
        this.person = person;
    }

    async send(message, options) {
        for (let visits = 0; ; visits++) {
            try {
                return await super.send(message, options);
            } catch (error) {
                const { callback } = this.person;
                if (!(error instanceof UnauthorizedError) || !callback || visits === MOST_VISITS) throw error;
                this.person.callback = undefined;
                await this.finishAuth(callback);
            }
        }
    }
}

export function transportWithLogin(url, login) {
    if (login.grant === 'code') return new PersonsTransport(url, new Person(login));
    const { client_id: clientId, client_secret: clientSecret, issuer: expectedIssuer, scope } = login;
    const own = { clientId, clientSecret, expectedIssuer, scope };
    const authProvider =
        login.grant === 'client_credentials'
            ? new ClientCredentialsProvider(own)
            : new CrossAppAccessProvider({ ...own, assertion: async () => login.assertion });
    return new StreamableHTTPClientTransport(url, { authProvider });
}
