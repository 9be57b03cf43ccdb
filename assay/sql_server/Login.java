package assay;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import javax.security.sasl.AuthenticationException;
import org.apache.hive.service.auth.PasswdAuthenticationProvider;

/** Whether who connects is who the environment names. HiveServer2 makes one for each connection, by the class's name. */
public final class Login implements PasswdAuthenticationProvider {
    private static String expectedUser;
    private static String expectedPassword;

    public static void expect(Object user, Object password) {
        expectedUser = (String) user;
        expectedPassword = (String) password;
    }

    public void Authenticate(String user, String password) throws AuthenticationException {
        // Both are compared, in a time that does not tell how much of them is right.
        if (!(same(expectedUser, user) & same(expectedPassword, password))) {
            throw new AuthenticationException("wrong user or password");
        }
    }

    private static boolean same(String expected, String given) {
        return expected != null && given != null && MessageDigest.isEqual(
            expected.getBytes(StandardCharsets.UTF_8), given.getBytes(StandardCharsets.UTF_8));
    }
}
