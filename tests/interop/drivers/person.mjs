// A program that a person uses, with the browser in which somebody is logged in and approves: a provider of access
// tokens for every release of the TypeScript client.

const CALLBACK = 'http://127.0.0.1:9/callback';
const MOST_VISITS = 2;

export class Person {
    redirectUrl = CALLBACK;
    clientMetadata = {
        redirect_uris: [CALLBACK],
        client_name: 'interop',
        grant_types: ['authorization_code', 'refresh_token'],
        token_endpoint_auth_method: 'none'
    };

    constructor({ client, tokens, document, scope }) {
        if (scope) this.clientMetadata.scope = scope;
        this.client = client;
        this.saved = tokens;
        this.clientMetadataUrl = document;
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

// A class of transports that finish a login, which the client leaves to the application, and send the message again.
//
// `finish` takes a transport and the parameters of the redirect.
export function comingBack(Transport, UnauthorizedError, finish) {
    return class extends Transport {
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
                    await finish(this, callback);
                }
            }
        }
    };
}
