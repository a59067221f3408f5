// The claims page's one script: asks the browser's wallet for an account and a signature, then submits the form.

const form = document.getElementById('claims');
const status = document.getElementById('status');
const button = document.getElementById('connect');

function tell(text) {
  status.textContent = text;
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
  button.disabled = true;
  try {
    tell('Asking your wallet for an account…');
    const [address] = await window.ethereum.request({ method: 'eth_requestAccounts' });
    const message = await messageFor(address);
    document.getElementById('message').textContent = message;
    document.getElementById('message-part').hidden = false;
    tell('Please sign the message in your wallet.');
    const signature = await window.ethereum.request({ method: 'personal_sign', params: [hexOf(message), address] });
    form.elements.namedItem('message').value = message;
    form.elements.namedItem('signature').value = signature;
    tell('Signed. Going back…');
    form.requestSubmit(document.getElementById('submit'));
  } catch (fault) {
    tell(`That did not work: ${fault.message ?? 'the wallet refused'}`);
    button.disabled = false;
  }
}

if (window.ethereum === undefined) tell('No wallet was found in this browser.');
else {
  button.hidden = false;
  button.addEventListener('click', signIn);
}
