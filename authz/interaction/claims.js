// The claims page's one script: asks the browser's wallet for an account and a signature, then submits the form.

const form = document.getElementById('claims');
const status = document.getElementById('status');
const button = document.getElementById('connect');
/** EIP-1193's and the wallets' codes, in people's words. */
const REASONS = {
  4001: 'You declined in your wallet. Nothing was signed and nothing was sent.',
  4100: 'Your wallet does not let this page use that account.',
  [-32002]: 'Your wallet is already asking you something: answer it there, then try again.',
};
let busy = false;

function tell(text, wrong = false) {
  status.className = wrong ? 'error' : '';
  status.textContent = text;
}

/** Kept focusable: a disabled button would drop the keyboard's place on the page. */
function setBusy(value) {
  busy = value;
  button.setAttribute('aria-disabled', String(value));
}

/** The text to sign, made by the server for this account. */
async function messageFor(address) {
  const fields = new URLSearchParams(new FormData(form));
  fields.set('address', address);
  const response = await fetch(form.dataset.messageUrl, { method: 'POST', body: fields });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error_description);
  return answer.message;
}

function hexOf(text) {
  return `0x${Array.from(new TextEncoder().encode(text), (byte) => byte.toString(16).padStart(2, '0')).join('')}`;
}

async function signIn() {
  if (busy) return;
  setBusy(true);
  try {
    tell('Asking your wallet for an account…');
    const [address] = await window.ethereum.request({ method: 'eth_requestAccounts' });
    if (address === undefined) throw new Error('the wallet gave no account');
    const message = await messageFor(address);
    document.getElementById('message').textContent = message;
    document.getElementById('message-part').hidden = false;
    tell('Please compare the message with the one in your wallet, and sign it there.');
    const signature = await window.ethereum.request({ method: 'personal_sign', params: [hexOf(message), address] });
    form.elements.namedItem('message').value = message;
    form.elements.namedItem('signature').value = signature;
    tell('Signed. Going back…');
    form.requestSubmit(document.getElementById('submit'));
  } catch (fault) {
    tell(REASONS[fault.code] ?? `That did not work: ${fault.message ?? 'the wallet refused'}`, true);
    setBusy(false);
  }
}

if (window.ethereum === undefined) {
  tell('No wallet was found in this browser. Open this page in a browser with a wallet, or refuse.');
} else {
  button.hidden = false;
  button.addEventListener('click', signIn);
}
