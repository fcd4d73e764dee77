// Starts Swagger UI on this service's own description. The addresses are relative to /docs.

// Swagger UI keeps an authorization across reloads as it was entered: in localStorage, with the password and the
// refresh token. This keeps the access token only, which lives for minutes.
const keepNoSecrets = {
  statePlugins: {
    auth: {
      wrapActions: {
        authorizeOauth2: (authorize) => ({ auth, token }) => {
          const { password, clientSecret, ...kept } = auth;
          const { refresh_token, ...short } = token;
          return authorize({ auth: kept, token: short });
        },
      },
    },
  },
};

SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  persistAuthorization: true,
  validatorUrl: null,
  plugins: [keepNoSecrets],
});
